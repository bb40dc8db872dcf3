package sync_test

import (
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
)

// A listBeside calls beside once, when people have just been put on the list.
type listBeside struct {
	giftsync.Suppressed
	beside func()
}

func (l *listBeside) Add(addresses, received, sent []string) error {
	err := l.Suppressed.Add(addresses, received, sent)
	if beside := l.beside; beside != nil && len(addresses) > 0 {
		l.beside = nil
		beside()
	}
	return err
}

// TestErasedSenderBesideALook: what a run finds of a sender's gift, between the order to
// erase her and the work on the state file, does not hide that HubSpot still has her.
func TestErasedSenderBesideALook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := sending(t)
		s := coffee("r", "bea@acme.example")
		s.Sender, s.At = "ann@acme.example", time.Now().Add(2*simulation.Day)
		l := openLedger(w)
		l.ask(s)
		l.show(w)
		l.st.Close()
		backup := backUp(w)
		l = openLedger(w)
		l.becomes("r", store.SendCancelled)
		l.show(w)
		l.st.Close()
		putBack(w, backup)
		l = ledger{t, w.Open()}
		defer l.st.Close()
		wantShown(w, "send-r", map[string]string{"sender_email": "ann@acme.example", "status_raw": "cancelled"})
		var e *giftsync.Engine
		pass := func() {
			if _, err := e.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}); err != nil {
				t.Error(err)
			}
		}
		w.Configure = withConfigure(w.Configure, func(c *giftsync.Config) {
			c.Suppressed = &listBeside{c.Suppressed, pass}
		})
		e = w.Engine(l.st)
		if _, err := e.Erase(t.Context(), giftsync.Person{Email: "ann@acme.example"}); err != nil {
			t.Fatal(err)
		}
		pass()
		wantShown(w, "send-r", map[string]string{"sender_email": "", "message": "", "status_raw": "cancelled"})
	})
}
