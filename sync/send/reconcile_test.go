package send_test

import (
	"testing"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// shown is the gift that a transaction of the emulated Thnks becomes in the journal.
func shown(tx thnksapitest.Transaction) plan.Stored {
	return plan.Stored{ObjectID: "9" + tx.ID, Gift: plan.Gift{
		ID: tx.ID, RequestID: tx.RequestID, Name: tx.Gift.Name, Message: tx.Message, CreatedAt: tx.CreatedAt, Times: map[plan.Status]time.Time{plan.Sent: tx.Times.Sent},
		Amount: plan.Money{Value: usd(tx.Amount), Currency: tx.Currency}, Sender: plan.Person{Email: tx.Sender.Email}, Recipient: plan.Person{Email: tx.Recipient.Email},
	}}
}

// TestReconcile: an unknown outcome is resolved by its transaction, and by no other.
func TestReconcile(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*plan.Gift)
		found  bool
	}{
		"as it was sent":            {func(*plan.Gift) {}, true},
		"message as a digest":       {func(g *plan.Gift) { *g = g.Redacted() }, true},
		"without a message":         {func(g *plan.Gift) { g.Message = "" }, true},
		"without all but the price": {func(g *plan.Gift) { g.Message, g.Name, g.RequestID = "", "Kaffee", "" }, true},
		"address in another case":   {func(g *plan.Gift) { g.Recipient.Email = "BEA@acme.example" }, true},
		"another recipient":         {func(g *plan.Gift) { g.Recipient.Email = "carl@acme.example" }, false},
		"another message":           {func(g *plan.Gift) { g.Message = "Other" }, false},
		"another gift":              {func(g *plan.Gift) { g.Message, g.Name, g.Amount.Value = "", "Lunch", usd("25") }, false},
		"before it":                 {func(g *plan.Gift) { g.Times = nil; g.CreatedAt = g.CreatedAt.Add(-time.Hour) }, false},
		"long after it":             {func(g *plan.Gift) { g.Times = nil; g.CreatedAt = g.CreatedAt.Add(25 * time.Hour) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.thnks.Fault(thnksapitest.Fault{Effect: thnksapitest.ResetAfter, Count: 1})
			ask(t, w, order("r", "bea@acme.example"))
			tx, _ := w.thnks.Transaction(w.thnks.Gifts()[0].TransactionID)
			g := shown(tx)
			c.change(&g.Gift)
			if err := w.store.Commit(store.Commit{Gifts: []plan.Stored{g}}); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := w.desk.Due(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			s, _, err := w.store.Send("r")
			if found := s.State == store.SendSent && s.TransactionID == tx.ID && s.Message == ""; found != c.found || !found && s.State != store.SendUnknown || err != nil {
				t.Errorf("%+v, %v", s, err)
			}
			if n := len(w.thnks.Gifts()); n != 1 {
				t.Errorf("%d gifts", n)
			}
		})
	}
}

// TestReconcileDoubt: what could be several, or another's, is left to a person.
func TestReconcileDoubt(t *testing.T) {
	w := newWorld(t)
	w.thnks.Fault(thnksapitest.Fault{Effect: thnksapitest.ResetAfter, Count: 2})
	for _, id := range []string{"a", "b"} {
		o := order(id, "bea@acme.example")
		o.Message = "Thanks"
		ask(t, w, o)
	}
	put := func(n int) {
		tx, _ := w.thnks.Transaction(w.thnks.Gifts()[n].TransactionID)
		if err := w.store.Commit(store.Commit{Gifts: []plan.Stored{shown(tx)}}); err != nil {
			t.Fatal(err)
		}
		if n, err := send.Reconcile(w.store, w.store); n != 0 || err != nil {
			t.Errorf("%d found (%v) of two that are alike", n, err)
		}
	}
	put(0)
	put(1)
	// One that a person resolves leaves its transaction open; a send that knows the
	// request's number takes only that one.
	c := ask(t, w, order("c", "bea@acme.example"))[0]
	if c.State != store.SendSent || c.TransactionID == "" {
		t.Errorf("%+v", c)
	}
}
