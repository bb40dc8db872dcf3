package sync_test

import (
	"testing"
	"testing/synctest"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
)

// TestMailsAreRemembered: what events tell of mails about a gift is in the journal,
// each mail once, and costs no HubSpot call.
func TestMailsAreRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 5)
		w.Must(giftsync.Backfill)
		st := w.Open()
		e := w.Engine(st)
		calls := w.Portal.Requests().Total
		for _, kind := range []string{"gift-notification-reminder-sent", "gift-notification-resend-sent", "gift-notification-reminder-sent"} {
			mail := simulation.Event(simulation.ID(1), "")
			mail.Kind, mail.Key, mail.Effect = kind, kind, store.EffectDetail
			w.Receive(st, mail)
			w.ApplyEvents(e)
		}
		g, _, err := st.Gift(simulation.ID(1))
		if err != nil || len(g.Gift.Mails) != 2 || g.Gift.Mails[0].Kind != plan.Reminder || g.Gift.Mails[1].Kind != plan.Resend {
			t.Errorf("remembered are %v, %v", g.Gift.Mails, err)
		}
		if n := w.Portal.Requests().Total; n != calls {
			t.Errorf("HubSpot was called %d times", n-calls)
		}
		st.Close()
		w.Must(giftsync.Incremental)
		st = w.Open()
		defer st.Close()
		if g, _, err := st.Gift(simulation.ID(1)); err != nil || len(g.Gift.Mails) != 2 {
			t.Errorf("after a pass, remembered are %v, %v", g.Gift.Mails, err)
		}
	})
}
