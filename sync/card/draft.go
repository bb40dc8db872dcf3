package card

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/sync/stats"
)

// Cause is the cause of an order from a page in HubSpot, in the ledger.
const Cause = "card"

// requestID matches what [Preview] gives.
var requestID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// sendID is the request id of the gift to one contact of a draft.
func sendID(request, contact string) string { return Cause + "-" + request + "-" + contact }

// draft reads a draft and checks its form.
func (v *visit) draft() (d Draft, err error) {
	if err := json.Unmarshal(v.body, &d); err != nil {
		return d, problem(BadRequest, "The body is not a draft of a gift in JSON.")
	}
	return d, checkContacts(d.Contacts)
}

// checkContacts refuses lists of contacts that cannot be those of a draft.
func checkContacts(contacts []string) error {
	switch {
	case len(contacts) == 0:
		return problem(BadRequest, "Choose at least one contact.")
	case len(contacts) > send.MaxRecipients:
		return problem(BadRequest, fmt.Sprintf("These are %d contacts, and one gift goes to at most %d: choose fewer.", len(contacts), send.MaxRecipients))
	case slices.ContainsFunc(contacts, func(id string) bool { return !isRecordID(id) }):
		return problem(BadRequest, "One of the contacts is no id of HubSpot's.")
	}
	sorted := slices.Sorted(slices.Values(contacts))
	if len(slices.Compact(sorted)) < len(contacts) {
		return problem(BadRequest, "A contact is there twice.")
	}
	return nil
}

// orders makes the order of each contact of a draft, with its own request id. A
// contact without a usable address has none; of says which contact each order is for.
func (d Draft) orders(people []contact, sender string) (orders []send.Order, of []int) {
	for i, c := range people {
		if c.Problem != "" {
			continue
		}
		to := send.Recipient{Email: c.Email, FirstName: c.first, LastName: c.last, Contact: c.Contact}
		if d.Record != nil && d.Record.Type == plan.Deal && isRecordID(d.Record.ID) {
			to.Deals = []string{d.Record.ID}
		}
		orders = append(orders, send.Order{
			Request: sendID(d.Request, c.Contact), Cause: Cause, Gift: d.Gift, Sender: sender,
			To: []send.Recipient{to}, Message: d.Message, At: d.At,
		})
		of = append(of, i)
	}
	return orders, of
}

// preview says what sending a draft would do.
func (s *Server) preview(ctx context.Context, v visit) (any, error) {
	d, err := v.draft()
	if err != nil {
		return nil, err
	}
	desk, sender, err := v.desk()
	if err != nil {
		return nil, err
	}
	people, err := readContacts(ctx, v.portal, d.Contacts)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	d.Request = hex.EncodeToString(id)
	orders, of := d.orders(people, sender.Email)
	foreseen, err := desk.Foresee(ctx, orders)
	if err != nil {
		return nil, err
	}
	rules := desk.Rules()
	p := Preview{Request: d.Request, TestMode: !rules.Live, Recipients: make([]Previewed, len(people))}
	for i, c := range people {
		p.Recipients[i].Recipient = c.Recipient
	}
	for i, f := range foreseen {
		r := &p.Recipients[of[i]]
		r.Message, r.Guard, r.Reason, r.Held = f.Message, f.Verdict.Guard, f.Verdict.Reason, f.Verdict.Hold
		switch {
		case f.Err != nil:
			r.Reason = said(f.Err)
		case f.Verdict.Hold:
			p.Held++
		case f.Verdict.Guard == "" || f.Verdict.Guard == send.GuardTestMode:
			p.Sends++
		}
	}
	cost := plan.Money{Currency: rules.Currency}
	for range p.Sends + p.Held {
		cost.Value = cost.Value.Add(rules.Catalogue[d.Gift].Price)
	}
	p.Cost = Money{stats.Exact(cost), cost.Currency}
	budget, err := desk.Budget(sender.Email, whenOf(d.At, rules.Zone))
	if err != nil {
		return nil, err
	}
	p.Budget = budgetOf(budget)
	return p, nil
}

// whenOf is when a draft would be sent, as far as its time can be read.
func whenOf(at string, zone *time.Location) time.Time {
	if t, err := send.ParseAt(at, zone); at != "" && err == nil {
		return t
	}
	return time.Now()
}

// said is the text of an error of an order, for the user.
func said(err error) string {
	return strings.TrimPrefix(err.Error(), send.ErrOrder.Error()+": ")
}

// send sends a draft: it takes one order for each contact into the ledger, from where
// they are sent, so that the answer does not wait for Thnks.
func (s *Server) send(ctx context.Context, v visit) (any, error) {
	d, err := v.draft()
	if err != nil {
		return nil, err
	}
	if !requestID.MatchString(d.Request) {
		return nil, problem(BadRequest, "The draft has no request id of a preview: look at the preview first.")
	}
	desk, sender, err := v.desk()
	if err != nil {
		return nil, err
	}
	people, err := readContacts(ctx, v.portal, d.Contacts)
	if err != nil {
		return nil, err
	}
	orders, of := d.orders(people, sender.Email)
	taken, err := desk.Take(ctx, orders)
	v.portal.Wake() // also after an error: some orders may be in the ledger
	if err != nil {
		return nil, err
	}
	list := Sends{Request: d.Request, Sends: make([]Send, len(people))}
	for i, c := range people {
		list.Sends[i] = Send{ID: sendID(d.Request, c.Contact), Contact: c.Contact, State: NoAddress, Reason: c.Problem}
	}
	for i, t := range taken {
		shown := &list.Sends[of[i]]
		switch {
		case errors.Is(t.Err, store.ErrSendDiffers):
			return nil, problem(Differs, "This gift was sent already, with another text, time or gift: look at the gifts of the contact before you send another one.")
		case t.Err != nil:
			shown.State, shown.Reason = string(store.SendRefused), said(t.Err)
		default:
			*shown = *sendOf(t.Sends[0])
			shown.Contact = people[of[i]].Contact // also of someone erased, which the ledger does not say
			list.count(t.Sends[0])
		}
	}
	return list, nil
}

// count counts a send to which something is still to happen.
func (l *Sends) count(e store.Send) {
	switch e.State {
	case store.SendHeld, store.SendScheduled, store.SendSending, store.SendUnknown:
		l.Open++
	}
}

// sends answers how the gifts of a draft stand.
func (s *Server) sends(_ context.Context, v visit) (any, error) {
	list := Sends{Request: v.one("request"), Sends: []Send{}}
	contacts := v.query["contact"]
	if !requestID.MatchString(list.Request) {
		return nil, problem(BadRequest, "The query has no request id of a preview.")
	}
	if err := checkContacts(contacts); err != nil {
		return nil, err
	}
	state, err := v.portal.State()
	if err != nil {
		return nil, err
	}
	for _, c := range contacts {
		e, known, err := state.Send(sendID(list.Request, c))
		if err != nil {
			return nil, err
		}
		if known {
			list.Sends = append(list.Sends, *sendOf(e))
			list.count(e)
		}
	}
	return list, nil
}
