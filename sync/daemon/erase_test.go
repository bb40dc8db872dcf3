package daemon_test

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/robfig/cron/v3"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
)

// A slowList has who asks it for the last person of an event wait for the answer.
type slowList struct {
	giftsync.Suppressed
	last          string
	asked, answer chan bool
}

func (l *slowList) Address(canonical string) bool {
	found := l.Suppressed.Address(canonical)
	if canonical == l.last {
		l.asked <- true
		<-l.answer
	}
	return found
}

// TestEventBesideAnErasure: an event that came before a person was erased, and gets into the
// inbox afterwards, is erased there.
func TestEventBesideAnErasure(t *testing.T) {
	t.Parallel()
	schedule, err := cron.ParseStandard("@hourly")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 1)
		w.Must(giftsync.Backfill)
		if err := w.Erased.Add([]string{"ann@acme.example"}, nil, nil); err != nil { // an empty list is not asked
			t.Fatal(err)
		}
		list := &slowList{Suppressed: w.Erased, last: "carl@acme.example", asked: make(chan bool), answer: make(chan bool)}
		var st *store.Store
		d := daemon.New([]daemon.PortalConfig{{
			Loop:      daemon.LoopConfig{Portal: "acme", Schedule: schedule, Logger: slog.New(slog.DiscardHandler)},
			OpenState: func() (*store.Store, error) { st = w.Open(); return st, nil },
			Connect: func(st *store.Store, _ func(giftsync.Progress)) (*daemon.Connection, error) {
				return &daemon.Connection{Engine: w.Engine(st), Close: func() {}}, nil
			},
			Suppressed: list,
		}})
		defer d.Close()
		e := simulation.Event(simulation.ID(1), plan.Opened)
		e.Email, e.Body, e.ThankYouNote = "bea@acme.example", []byte(`{"email":"bea@acme.example"}`), "Greetings to carl@acme.example"
		received, erased := make(chan error), make(chan error, 1)
		go func() {
			_, err := d.Inbox("acme").Receive(t.Context(), e)
			received <- err
		}()
		<-list.asked
		go func() {
			_, err := d.Erase(t.Context(), "acme", giftsync.Person{Email: "bea@acme.example"})
			erased <- err
		}()
		time.Sleep(time.Hour) // in which it ends, if it does not wait
		list.answer <- true
		if err := <-received; err != nil {
			t.Error(err)
		}
		if err := <-erased; err != nil {
			t.Error(err)
		}
		n := 0
		for e, err := range st.Events(t.Context(), store.EventFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if body, _, err := st.EventBody(e.Seq); err != nil || strings.Contains(string(body)+e.Email, "bea") {
				t.Errorf("the inbox has %+v, %q, %v", e, body, err)
			}
		}
		if n != 1 {
			t.Errorf("%d events", n)
		}
	})
}
