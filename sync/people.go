package sync

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// HubSpot's object type names that links lead to, by kind.
var linkTypes = map[plan.Kind]string{
	plan.Contact: "contacts",
	plan.Company: "companies",
	plan.Deal:    "deals",
}

var (
	contactProperties = []string{"email", "hs_additional_emails", "associatedcompanyid", "createdate"}
	dealProperties    = []string{"dealstage", "amount", "createdate", "hs_is_closed"}
)

// lookupRound is how many addresses are looked up together: ten full batches
// of contacts, whose deals then fill one association read.
const lookupRound = hubspot.AssociationReadSize

// people finds the contact, company and open deals behind an address, asking
// HubSpot once per run and address.
type people struct {
	run    *run
	cache  *cache
	labels map[hubspot.AssociationType]bool // the deal label's types; nil for any
}

func newPeople(r *run) *people {
	slots := r.cacheSlots
	if r.req.Mode == byEvents {
		slots = min(slots, fewSlots)
	}
	return &people{run: r, cache: newCache(slots)}
}

// lookup finds everyone in need and adds what it found to the directory it
// returns. The last round is filled up from the addresses in ahead, which the
// next window will ask for, so that batches are full.
func (p *people) lookup(ctx context.Context, need, ahead []string) (plan.Directory, error) {
	who := make(plan.Directory, len(need))
	var ask []string
	asked := make(map[string]bool, len(need))
	for _, a := range need {
		if asked[a] {
			continue
		}
		asked[a] = true
		if m, ok := p.cache.get(a); ok {
			who[a] = m.Match
		} else {
			ask = append(ask, a)
		}
	}
	for _, a := range ahead {
		if len(ask)%lookupRound == 0 {
			break
		}
		if asked[a] {
			continue
		}
		asked[a] = true
		if _, ok := p.cache.get(a); !ok {
			ask = append(ask, a)
		}
	}
	for len(ask) > 0 {
		n := min(lookupRound, len(ask))
		if err := p.round(ctx, ask[:n], who); err != nil {
			return nil, err
		}
		ask = ask[n:]
	}
	return who, nil
}

// round looks up to lookupRound addresses up.
func (p *people) round(ctx context.Context, addresses []string, who plan.Directory) error {
	found, err := p.run.CRM.ContactsByEmail(ctx, addresses, contactProperties)
	if err != nil {
		return fmt.Errorf("looking contacts up: %w", err)
	}
	return p.take(ctx, addresses, found, false, who)
}

// take chooses among the contacts that were found for the addresses, reads
// the open deals of those chosen, and adds them to the directory.
func (p *people) take(ctx context.Context, addresses []string, found []hubspot.ContactsOutcome, searched bool, who plan.Directory) error {
	matches := make([]plan.Match, len(addresses))
	var contacts []string
	for i, outcome := range found {
		if outcome.Err != nil {
			// HubSpot will not look this address up, so nothing can match it.
			p.run.log.Warn("address refused by HubSpot", "error", outcome.Err)
			continue
		}
		candidates := make([]plan.Candidate, len(outcome.Found))
		for k, o := range outcome.Found {
			candidates[k] = candidate(o)
		}
		matches[i] = plan.Choose(addresses[i], candidates)
		if matches[i].ID != "" {
			contacts = append(contacts, matches[i].ID)
		}
	}
	deals, err := p.openDeals(ctx, contacts)
	if err != nil {
		return fmt.Errorf("looking deals up: %w", err)
	}
	for i, a := range addresses {
		matches[i].Deals = deals[matches[i].ID]
		p.cache.put(a, known{Match: matches[i], searched: searched})
		who[a] = matches[i]
	}
	return nil
}

func candidate(o hubspot.Object) plan.Candidate {
	c := plan.Candidate{
		ID:      o.ID,
		Email:   o.Properties["email"],
		Company: o.Properties["associatedcompanyid"],
		Created: created(o),
	}
	if s := o.Properties["hs_additional_emails"]; s != "" {
		c.Additional = strings.Split(s, ";")
	}
	return c
}

// created is when the record was made: its createdate, which people may
// import, and otherwise HubSpot's own stamp.
func created(o hubspot.Object) time.Time {
	if t, err := time.Parse(time.RFC3339, o.Properties["createdate"]); err == nil {
		return t
	}
	return o.CreatedAt
}

// openDeals returns the deals of each contact that are open now.
func (p *people) openDeals(ctx context.Context, contacts []string) (map[string][]plan.OpenDeal, error) {
	if len(contacts) == 0 || p.run.Rules.MaxDeals == 0 {
		return nil, nil
	}
	if err := p.learnLabel(ctx); err != nil {
		return nil, err
	}
	related, err := p.run.CRM.Associated(ctx, "contacts", "deals", contacts)
	if err != nil {
		return nil, err
	}
	var ids []string
	seen := make(map[string]bool)
	for i, outcome := range related {
		if outcome.Err != nil {
			p.run.log.Warn("deals of a contact not readable", "contact", contacts[i], "error", outcome.Err)
		}
		for _, d := range outcome.Found {
			if p.counts(d) && !seen[d.ToID] {
				seen[d.ToID] = true
				ids = append(ids, d.ToID)
			}
		}
	}
	outcomes, err := p.run.CRM.Read(ctx, "deals", ids, dealProperties)
	if err != nil {
		return nil, err
	}
	open := make(map[string]plan.OpenDeal)
	for _, o := range outcomes {
		if o.Object == nil || o.Object.Properties["hs_is_closed"] == "true" {
			continue // closed, or deleted since
		}
		open[o.Object.ID] = plan.OpenDeal{
			ID:      o.Object.ID,
			Stage:   o.Object.Properties["dealstage"],
			Amount:  o.Object.Properties["amount"],
			Created: created(*o.Object),
		}
	}
	deals := make(map[string][]plan.OpenDeal)
	for i, outcome := range related {
		for _, d := range outcome.Found {
			if deal, ok := open[d.ToID]; ok && p.counts(d) {
				deals[contacts[i]] = append(deals[contacts[i]], deal)
			}
		}
	}
	return deals, nil
}

// counts reports whether the tie between contact and deal is one that the
// portal's rules ask for.
func (p *people) counts(d hubspot.Related) bool {
	if p.labels == nil {
		return true
	}
	for _, t := range d.Types {
		if p.labels[t] {
			return true
		}
	}
	return false
}

// learnLabel finds the association types of the configured deal label, once a
// run: labels are text that people may rename, types are not.
func (p *people) learnLabel(ctx context.Context) error {
	label := p.run.Rules.DealLabel
	if label == "" || p.labels != nil {
		return nil
	}
	types, err := p.run.CRM.AssociationTypes(ctx, "contacts", "deals")
	if err != nil {
		return err
	}
	labels := make(map[hubspot.AssociationType]bool)
	var known []string
	for _, t := range types {
		if strings.EqualFold(t.Label, label) {
			labels[t.AssociationType] = true
		}
		if t.Label != "" {
			known = append(known, strconv.Quote(t.Label))
		}
	}
	if len(labels) == 0 {
		return &Fatal{
			What:   fmt.Sprintf("HubSpot has no association label %q between contacts and deals (it has: %s)", label, strings.Join(known, ", ")),
			Remedy: "create the label in HubSpot, or correct associations.deals.label in the configuration",
		}
	}
	p.labels = labels
	return nil
}
