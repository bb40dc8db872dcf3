package simulation

import (
	"fmt"
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// How far apart the engine's re-reads are, and how small its cache can be.
const (
	Day        = 24 * time.Hour
	Week       = 7 * Day
	LeastSlots = 1 << 12
)

// LinkTypes are HubSpot's names for what a gift is linked to.
var LinkTypes = map[plan.Kind]string{plan.Contact: "contacts", plan.Company: "companies", plan.Deal: "deals"}

// Small is a world of 80 gifts in several windows and slices. Seven recipients in
// ten are contacts, a third of them by a secondary address.
func Small(t *testing.T) *World { return sized(t, 80) }

// Tiny is a world with as many windows and slices as [Small], and hence as many
// steps to die at, with half the gifts in each.
func Tiny(t *testing.T) *World { return sized(t, 40) }

func sized(t *testing.T, gifts int) *World {
	w := New(t, hubspottest.Options{Seed: 3}, thnksapitest.Options{PageLimit: gifts * 3 / 16})
	w.Bounds.WindowRows, w.Bounds.SliceGifts, w.Bounds.CacheSlots = gifts*3/8, gifts*3/20, LeastSlots
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: gifts, Recipients: gifts / 2})
	w.Thnks.Add(txs...)
	w.Portal.Populate(thnksapitest.Recipients(txs), hubspottest.Population{
		Matched: 0.7, Secondary: 0.3, WithCompany: 0.8, DealsPer: 2, OpenDeals: 0.6, Seed: 7,
	})
	return w
}

// Quiet is a world of n gifts that were sent to contacts a day ago or earlier, and
// of which nothing more is known. Their ids are [ID] of 1 to n.
func Quiet(t *testing.T, n int) *World {
	w := New(t, hubspottest.Options{Seed: 5}, thnksapitest.Options{})
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 5, N: n, Recipients: n, End: time.Now().Add(-Day)})
	for i := range txs {
		sent := txs[i].Times.Sent
		txs[i].Status, txs[i].Times = "Sent", thnksapitest.Times{Sent: sent}
		txs[i].UpdatedAt = time.Now().Add(-Day)
	}
	w.Populate(txs, 1)
	return w
}

// Linked is a world with one gift, T-1, sent so long ago and in HubSpot already,
// and with everything that it is linked to.
func Linked(t *testing.T, o hubspottest.Options, ago time.Duration) (w *World, contact, company, deal string) {
	WaitAYear()
	w = New(t, o, thnksapitest.Options{})
	contact, company, deal = w.AddPerson("ann@example.com")
	w.AddGift("T-1", "ann@example.com", ago)
	w.Must(giftsync.Backfill)
	w.WantLinked("T-1", map[string][]string{"contacts": {contact}, "companies": {company}, "deals": {deal}})
	time.Sleep(time.Hour)
	return w, contact, company, deal
}

// WaitAYear lets time pass, so that there is a past to send gifts in: a bubble's
// clock begins at a time before which no gift was sent.
func WaitAYear() { time.Sleep(400 * Day) }

// Populate adds transactions, and contacts, companies and deals for a share of
// their recipients.
func (w *World) Populate(txs []thnksapitest.Transaction, matched float64) {
	w.Thnks.Add(txs...)
	w.Portal.Populate(thnksapitest.Recipients(txs), hubspottest.Population{
		Matched: matched, WithCompany: 0.8, DealsPer: 2, OpenDeals: 0.6, Seed: 7,
	})
}

// AddGift adds a gift that was sent to an address so long ago and shows only now.
func (w *World) AddGift(id, email string, ago time.Duration) {
	at := time.Now().UTC().Add(-ago)
	w.Thnks.Add(thnksapitest.Transaction{
		ID: id, Gift: thnksapitest.Gift{Name: "Coffee"}, Amount: "5.00", Currency: "USD",
		Recipient: thnksapitest.Person{Email: email}, Status: "sent",
		Times: thnksapitest.Times{Sent: at}, CreatedAt: at, UpdatedAt: time.Now().UTC(),
	})
}

// AddGiftFrom adds a gift that a sender sends now.
func (w *World) AddGiftFrom(id, sender string) {
	w.AddGift(id, "ann@example.com", 0)
	w.Thnks.Update(id, func(tx *thnksapitest.Transaction) { tx.Sender.Email = sender })
}

// AddPerson adds a contact with a company and an open deal.
func (w *World) AddPerson(email string) (contact, company, deal string) {
	contact = w.Portal.AddContact(email, nil)
	company = w.Portal.AddCompany(map[string]string{"name": "Acme"})
	w.Portal.SetPrimaryCompany(contact, company)
	return contact, company, w.AddDeal(contact)
}

// AddDeal adds an open deal of a contact.
func (w *World) AddDeal(contact string) string {
	deal := w.Portal.AddDeal(nil)
	w.Portal.Associate("contacts", contact, "deals", deal)
	return deal
}

// ID is the id of the n-th transaction that thnksapitest generates.
func ID(n int) string { return fmt.Sprintf("T-%06d", n) }

// Transaction is a gift that was sent at a time, and has not changed since.
func Transaction(id string, at time.Time, email string) thnksapitest.Transaction {
	return thnksapitest.Transaction{
		ID: id, Gift: thnksapitest.Gift{Name: "Coffee"}, Status: "sent", Amount: "5", Currency: "USD",
		Recipient: thnksapitest.Person{FirstName: "A", LastName: "B", Email: email},
		Times:     thnksapitest.Times{Sent: at}, CreatedAt: at, UpdatedAt: at,
	}
}

// Unreadable is a transaction whose row cannot be read.
func Unreadable(id string, at time.Time) thnksapitest.Transaction {
	tx := Transaction(id, at, "c@acme.example")
	tx.Amount = "five"
	return tx
}

// Unlisted is a transaction that was sent now and that Thnks does not list yet.
func Unlisted() thnksapitest.Transaction {
	tx := thnksapitest.Generate(thnksapitest.Data{Seed: 6, N: 30, Recipients: 3})[29]
	tx.Status, tx.Times, tx.UpdatedAt = "Sent", thnksapitest.Times{Sent: time.Now()}, time.Now()
	return tx
}

// TextProperty is a property that others have added to an object.
func TextProperty(name string) hubspottest.Property {
	return hubspottest.Property{Name: name, Label: "Their " + name, Type: "string", FieldType: "text"}
}
