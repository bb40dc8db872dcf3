package card

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/sync/stats"
)

// messages are what a user can pick.
var messages = []string{
	"Thank you, {first_name}!",
	"Thank you for your time, {first_name}. The next coffee is on us.",
	"{first_name}, it is a pleasure to work with you.",
	"Congratulations, {first_name}!",
}

// form answers with what the user needs to write a gift.
func (s *Server) form(ctx context.Context, v visit) (any, error) {
	record, err := v.record()
	if err != nil {
		return nil, err
	}
	desk, sender, err := v.desk()
	if err != nil {
		return nil, err
	}
	f := Form{Record: record, Sender: sender, Messages: messages}
	if f.Recipients, f.Older, err = recipientsOf(ctx, v.portal, record); err != nil {
		return nil, err
	}
	rules := desk.Rules()
	f.TestMode, f.Catalogue = !rules.Live, catalogueOf(rules)
	budget, err := desk.Budget(sender.Email, time.Now())
	if err != nil {
		return nil, err
	}
	f.Budget = budgetOf(budget)
	f.ApproveAbove = budget.ApproveAbove.StringFixed(2)
	if rules.Zone != nil {
		f.TimeZone = rules.Zone.String()
	}
	return f, nil
}

// desk returns what sends the portal's gifts, for a user who may send.
func (v *visit) desk() (Desk, Sender, error) {
	sender := v.sender()
	if !sender.Allowed {
		return nil, sender, problem(NotAllowed, sender.Reason)
	}
	desk, err := v.portal.Desk()
	return desk, sender, err
}

// catalogueOf lists the gifts that may be sent, by name.
func catalogueOf(rules send.Rules) []Item {
	items := make([]Item, 0, len(rules.Catalogue))
	for gift, item := range rules.Catalogue {
		price := plan.Money{Value: item.Price, Currency: rules.Currency}
		items = append(items, Item{gift, item.Name, Money{stats.Exact(price), price.Currency}})
	}
	slices.SortFunc(items, func(a, b Item) int { return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Gift, b.Gift)) })
	return items
}

// budgetOf is a budget as the pages show it.
func budgetOf(b send.Budget) Budget {
	return Budget{
		Currency: b.Currency, Month: b.Month.Format("2006-01"),
		Sender: Left{b.SenderLimit.StringFixed(2), b.SenderSpent.StringFixed(2), b.SenderLimit.Sub(b.SenderSpent).StringFixed(2)},
		Portal: Left{b.PortalLimit.StringFixed(2), b.PortalSpent.StringFixed(2), b.PortalLimit.Sub(b.PortalSpent).StringFixed(2)},
	}
}

// recipientsOf returns the contact, or those of a company or deal, and how many
// contacts are left out.
func recipientsOf(ctx context.Context, p *Portal, r Record) (all []Recipient, older int, err error) {
	ids := []string{r.ID}
	if r.Type != plan.Contact {
		client, err := p.HubSpot()
		if err != nil {
			return nil, 0, err
		}
		from := map[plan.Kind]string{plan.Company: "companies", plan.Deal: "deals"}[r.Type]
		found, err := client.Associated(ctx, from, "contacts", ids)
		if err != nil {
			return nil, 0, err
		}
		if found[0].Err != nil {
			return nil, 0, found[0].Err
		}
		ids = nil
		for _, f := range found[0].Found {
			ids = append(ids, f.ToID)
		}
		if n := len(ids); n > send.MaxRecipients {
			ids, older = ids[:send.MaxRecipients], n-send.MaxRecipients
		}
	}
	people, err := readContacts(ctx, p, ids)
	all = make([]Recipient, len(people))
	for i, c := range people {
		all[i] = c.Recipient
	}
	return all, older, err
}

// A contact is what HubSpot knows of a recipient.
type contact struct {
	Recipient
	first, last string
}

// readContacts reads contacts in one call. Their addresses are HubSpot's: a page can
// choose who gets a gift, and not where it goes.
func readContacts(ctx context.Context, p *Portal, ids []string) ([]contact, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	client, err := p.HubSpot()
	if err != nil {
		return nil, err
	}
	outcomes, err := client.Read(ctx, "contacts", ids, []string{"email", "firstname", "lastname"})
	if err != nil {
		return nil, err
	}
	all := make([]contact, len(ids))
	for i, o := range outcomes {
		c := &all[i]
		c.Contact = ids[i]
		if hubspot.IsNotFound(o.Err) {
			c.Problem = "the contact is not there any more: it was deleted, or merged into another"
			continue
		}
		if o.Err != nil {
			return nil, o.Err
		}
		c.first, c.last = strings.TrimSpace(o.Object.Properties["firstname"]), strings.TrimSpace(o.Object.Properties["lastname"])
		c.Name, c.Email = clip(strings.TrimSpace(c.first+" "+c.last)), o.Object.Properties["email"]
		c.Problem = addressProblem(c.Email)
	}
	return all, nil
}

// addressProblem says why no gift can be sent to an address, "" if one can.
func addressProblem(email string) string {
	if email == "" {
		return "the contact has no e-mail address in HubSpot: add one to send a gift"
	}
	if _, ok := plan.CanonicalEmail(email); !ok {
		return "the contact's e-mail address in HubSpot is not usable: correct it to send a gift"
	}
	return ""
}
