package card

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/sync/stats"
)

// maxGifts bounds the gifts of one answer.
const maxGifts = 100

// maxText bounds a text of a gift in an answer, in characters: what others wrote may
// be of any length, and an answer has 1 MB.
const maxText = 200

// objectTypes are the types of records that have a card, by HubSpot's type id.
var objectTypes = map[string]struct {
	kind plan.Kind
	name string // in paths
}{"0-1": {plan.Contact, "contacts"}, "0-2": {plan.Company, "companies"}, "0-3": {plan.Deal, "deals"}}

// record is the record whose card the user looks at.
func (v *visit) record() (Record, error) {
	t, known := objectTypes[v.one("objectTypeId")]
	id := v.one("objectId")
	if !known || !isRecordID(id) {
		return Record{}, problem(BadRequest, "The query does not name a contact, company or deal once: objectTypeId, objectId.")
	}
	return Record{t.kind, id}, nil
}

// isRecordID reports whether text is an id of HubSpot's records.
func isRecordID(id string) bool {
	return id != "" && len(id) <= 20 && strings.Trim(id, "0123456789") == ""
}

// gifts answers with the gifts of a record.
func (s *Server) gifts(ctx context.Context, v visit) (any, error) {
	record, err := v.record()
	if err != nil {
		return nil, err
	}
	state, err := v.portal.State()
	if err != nil {
		return nil, err
	}
	ids, err := s.giftsOf(ctx, v.portal, state, record)
	if err != nil {
		return nil, err
	}
	have, err := state.Gifts(ids)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(have, func(_ string, g plan.Stored) bool { return !g.Deleted.IsZero() })
	open, err := openSends(state, record, have)
	if err != nil {
		return nil, err
	}
	list := Gifts{Record: record, Total: totalOf(have), Sender: v.sender()}
	list.Gifts = listed(have, open, v.portal, time.Now())
	if n := len(list.Gifts); n > maxGifts {
		list.Gifts, list.Older = list.Gifts[:maxGifts], n-maxGifts
	}
	return list, nil
}

// giftsOf returns the transaction ids of the gifts that are linked to a record. For
// a contact the state file knows them; for a company or deal HubSpot is asked, as an
// index of all links would cost every write something for the sake of few readers.
func (s *Server) giftsOf(ctx context.Context, p *Portal, state StateFile, r Record) ([]string, error) {
	if r.Type == plan.Contact {
		return state.ByContact(r.ID)
	}
	records, err := s.linked.get(p.Name+" "+string(r.Type)+" "+r.ID, time.Now(), func() ([]string, error) { return linkedRecords(ctx, p, r) })
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, record := range records {
		id, known, err := state.ByObject(record)
		if err != nil {
			return nil, err
		}
		if known {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// linkedRecords asks HubSpot for the gift records that are linked to a record.
func linkedRecords(ctx context.Context, p *Portal, r Record) ([]string, error) {
	object := p.Object()
	if object == "" { // before the first run there is none
		return nil, nil
	}
	client, err := p.HubSpot()
	if err != nil {
		return nil, err
	}
	from := map[plan.Kind]string{plan.Company: "companies", plan.Deal: "deals"}[r.Type]
	found, err := client.Associated(ctx, from, object, []string{r.ID})
	if err != nil {
		return nil, err
	}
	if found[0].Err != nil {
		return nil, found[0].Err
	}
	records := make([]string, len(found[0].Found))
	for i, f := range found[0].Found {
		records[i] = f.ToID
	}
	return records, nil
}

// sender says as whom the user sends. All who can see a record in HubSpot see its
// card; gifts cost money, so that only the owners of the portal's API keys may send,
// each with the own one.
func (v *visit) sender() Sender {
	desk, err := v.portal.Desk()
	switch {
	case err != nil:
		return Sender{Reason: "Nothing is sent from HubSpot: ask your admin to set up sending."}
	case len(desk.Senders()) == 0:
		return Sender{Reason: "No user may send from HubSpot: ask your admin to list the Thnks API keys under thnks.keys, each with its sender."}
	case v.email == "" || !slices.Contains(desk.Senders(), v.email):
		return Sender{Reason: "You cannot send gifts: ask your admin to add a Thnks API key whose sender has the address of your HubSpot user."}
	}
	return Sender{Allowed: true, Email: v.email}
}

// openSends returns the sends about a record that are not over, by the transaction
// id of their gifts. Those of a company are known by their gifts alone.
func openSends(state StateFile, r Record, have map[string]plan.Stored) (map[string]store.Send, error) {
	open, err := state.OpenSends()
	if err != nil {
		return nil, err
	}
	of := make(map[string]store.Send)
	for _, e := range open {
		id := cmp.Or(e.TransactionID, plan.SendGiftID(e.ID))
		_, shown := have[id]
		if shown || r.Type == plan.Contact && e.Contact == r.ID || r.Type == plan.Deal && slices.Contains(e.Deals, r.ID) {
			of[id] = e
		}
	}
	return of, nil
}

// listed makes the list of gifts, newest first, with what sends them.
func listed(have map[string]plan.Stored, open map[string]store.Send, p *Portal, now time.Time) []Gift {
	type dated struct {
		Gift
		at time.Time
	}
	var all []dated
	records, zone := p.Records(), cmp.Or(p.Zone(), time.UTC)
	for id, g := range have {
		d := dated{giftOf(g, records, zone, now), sentAt(g.Gift)}
		if e, is := open[id]; is {
			d.Send = sendOf(e)
		}
		all = append(all, d)
	}
	for id, e := range open {
		if _, is := have[id]; !is && e.State != store.SendRefused && e.State != store.SendNotSent && e.State != store.SendCancelled {
			all = append(all, dated{giftOfSend(id, e), e.When()})
		}
	}
	slices.SortFunc(all, func(a, b dated) int { return cmp.Or(b.at.Compare(a.at), strings.Compare(a.ID, b.ID)) })
	gifts := make([]Gift, len(all))
	for i, d := range all {
		gifts[i] = d.Gift
	}
	return gifts
}

// sentAt is when a gift was sent, or is to be.
func sentAt(g plan.Gift) time.Time {
	times := g.ShownTimes()
	return cmp.Or(times[plan.Sent], times[plan.Scheduled], g.CreatedAt, g.UpdatedAt)
}

// giftOf is a gift of the journal as the card shows it.
func giftOf(g plan.Stored, records string, zone *time.Location, now time.Time) Gift {
	shown := Gift{
		ID: g.Gift.ID, Name: clip(cmp.Or(g.Gift.Name, g.Gift.Type)), Amount: moneyOf(g.Gift.Amount), Status: g.Gift.Shown(),
		Sender:    clip(cmp.Or(g.Gift.Sender.Name, g.Gift.Sender.Email)),
		Recipient: clip(cmp.Or(g.Gift.Recipient.Name, g.Gift.Recipient.Email, g.Gift.Recipient.Phone)),
		Timeline:  timeline(g.Gift), Parcel: clip(g.Gift.Parcel.Status),
	}
	if d, ok := stats.DeadlineOf(g.Gift, zone, now); ok {
		shown.Expires, shown.DaysLeft = d.Day, &d.Left
	}
	if at := g.Gift.Parcel.At; !at.IsZero() {
		shown.ParcelAt = &at
	}
	if records != "" {
		shown.URL = records + g.ObjectID
	}
	return shown
}

// giftOfSend is a gift that HubSpot does not have yet.
func giftOfSend(id string, e store.Send) Gift {
	g := Gift{
		ID: id, Name: e.GiftName, Amount: moneyOf(e.Price), Status: plan.Scheduled, Sender: e.Sender, Recipient: clip(e.Recipient),
		Timeline: []Moment{}, Send: sendOf(e),
	}
	if e.State == store.SendSent {
		g.Status, g.Timeline = plan.Sent, []Moment{{string(plan.Sent), e.Begun}}
	}
	return g
}

// timeline is the course of a gift, oldest first; of equal times the lower status
// comes first.
func timeline(g plan.Gift) []Moment {
	moments := []Moment{}
	for _, status := range plan.Statuses() {
		if at, reached := g.ShownTimes()[status]; reached {
			moments = append(moments, Moment{string(status), at.UTC()})
		}
	}
	for _, m := range g.Mails {
		moments = append(moments, Moment{string(m.Kind), m.At.UTC()})
	}
	slices.SortStableFunc(moments, func(a, b Moment) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(plan.Status(a.Kind).Rank(), plan.Status(b.Kind).Rank()))
	})
	return moments
}

// moneyOf is an amount, nil where there is none.
func moneyOf(m plan.Money) *Money {
	if m.Currency == "" {
		return nil
	}
	return &Money{stats.Exact(m), m.Currency}
}

// totalOf adds up the gifts that ever left scheduled.
func totalOf(have map[string]plan.Stored) Total {
	t := Total{Value: []Money{}}
	sums := make(map[string]decimal.Decimal)
	for _, g := range have {
		if !wasSent(g.Gift) {
			continue
		}
		t.Count++
		if m := g.Gift.Amount; m.Currency != "" {
			sums[m.Currency] = sums[m.Currency].Add(m.Value)
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		t.Value = append(t.Value, *moneyOf(plan.Money{Value: sums[currency], Currency: currency}))
	}
	return t
}

// wasSent reports whether a gift ever left scheduled.
func wasSent(g plan.Gift) bool {
	if g.Shown().Rank() >= plan.Sent.Rank() {
		return true
	}
	for status := range g.ShownTimes() {
		if status.Rank() >= plan.Sent.Rank() {
			return true
		}
	}
	return false
}

// sendOf is a send as the pages show it.
func sendOf(e store.Send) *Send {
	row := send.RowOf(e)
	shown := &Send{
		ID: row.ID, Contact: e.Contact, State: string(row.State), Guard: row.Guard, Reason: row.Reason, TransactionID: row.TransactionID,
	}
	if !row.At.IsZero() {
		shown.At = &row.At
	}
	return shown
}

// clip shortens a text to what an answer has room for.
func clip(text string) string {
	if runes := []rune(text); len(runes) > maxText {
		return string(runes[:maxText-1]) + "…"
	}
	return text
}

// How long HubSpot is not asked again about the links of one record, and of how many
// records that is remembered. A card that is open asks again and again.
const (
	linkedFor = 30 * time.Second
	maxLinked = 1000
)

// A linkedCache remembers which gift records are linked to a record.
type linkedCache struct {
	mu  sync.Mutex
	all map[string]linkedEntry
}

type linkedEntry struct {
	records []string
	until   time.Time
}

// get returns what is remembered under a key, or else what ask returns.
func (c *linkedCache) get(key string, now time.Time, ask func() ([]string, error)) ([]string, error) {
	c.mu.Lock()
	e, known := c.all[key]
	c.mu.Unlock()
	if known && now.Before(e.until) {
		return e.records, nil
	}
	records, err := ask()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil || len(c.all) >= maxLinked {
		c.all = make(map[string]linkedEntry) // seldom, and it costs one call for each record
	}
	c.all[key] = linkedEntry{records, now.Add(linkedFor)}
	return records, nil
}
