package portal

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// foundDeals are the open deals of contacts.
type foundDeals struct {
	of     map[string][]plan.OpenDeal // by contact
	told   map[string]bool            // contacts whose deals the listing tells, now and later
	failed map[string]error           // contacts of which that is not known, as HubSpot fails at them or at one of their deals, and how
}

// find finds the open deals of contacts. While a listing is being read those whose
// deals it will tell have none yet. related are the contacts' deals where they were
// read before, and nil otherwise.
func (o *openDeals) find(ctx context.Context, contacts []plan.Candidate, related *relatedDeals) (foundDeals, error) {
	if len(contacts) == 0 || o.session.links.MaxDeals == 0 {
		return foundDeals{}, nil
	}
	told := make(map[string]bool)
	var ask []string
	for _, c := range contacts {
		if o.tells(c) {
			told[c.ID] = true
		} else {
			ask = append(ask, c.ID)
		}
	}
	if related == nil {
		var err error
		if related, err = o.related(ctx, ask); err != nil {
			return foundDeals{}, err
		}
	}
	found, err := o.openOf(ctx, ask, related)
	if err != nil {
		return foundDeals{}, err
	}
	if found.told = told; o.fresh() {
		for id := range told {
			found.of[id] = o.table.of(id)
		}
	}
	return found, nil
}

// relatedDeals are the deals that contacts have, open or not.
type relatedDeals struct {
	of     map[string][]string // ids, by contact
	failed map[string]error    // contacts at which HubSpot fails, and how
}

// related returns the deals of contacts, of those that the deal label counts, and
// counts them.
func (o *openDeals) related(ctx context.Context, contacts []string) (*relatedDeals, error) {
	related := &relatedDeals{of: make(map[string][]string, len(contacts)), failed: make(map[string]error)}
	if len(contacts) == 0 {
		return related, nil
	}
	client, err := o.contacts.enter(ctx)
	if err != nil {
		return nil, err
	}
	if err := o.learnLabel(ctx); err != nil {
		return nil, err
	}
	outcomes, err := client.Associated(ctx, "contacts", "deals", contacts)
	if err != nil {
		return nil, err
	}
	for i, outcome := range outcomes {
		c := contacts[i]
		if hubspot.IsUnprocessable(outcome.Err) {
			related.failed[c] = outcome.Err
		} else if outcome.Err != nil {
			o.session.Log.Warn("deals of a contact not readable", "contact", c, "error", outcome.Err)
		}
		for _, deal := range outcome.Found {
			if tied(deal, o.labels) {
				related.of[c] = append(related.of[c], deal.ToID)
			}
		}
		o.counts.deals += len(related.of[c])
	}
	o.counts.sample += len(contacts)
	return related, nil
}

// openOf returns which of the contacts' deals are open now.
func (o *openDeals) openOf(ctx context.Context, contacts []string, related *relatedDeals) (foundDeals, error) {
	found := foundDeals{of: make(map[string][]plan.OpenDeal), failed: make(map[string]error)}
	if len(contacts) == 0 {
		return found, nil
	}
	var ids []string
	seen := make(map[string]bool)
	for _, c := range contacts {
		for _, id := range related.of[c] {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	o.counts.before += len(contacts)
	client, err := o.contacts.enter(ctx)
	if err != nil {
		return foundDeals{}, err
	}
	outcomes, err := client.Read(ctx, "deals", ids, dealProperties)
	if err != nil {
		return foundDeals{}, err
	}
	open := make(map[string]plan.OpenDeal)
	unread := make(map[string]error)
	for i, outcome := range outcomes {
		switch {
		case hubspot.IsUnprocessable(outcome.Err):
			unread[ids[i]] = outcome.Err
		case outcome.Object != nil && !isClosed(*outcome.Object): // or deleted since
			open[outcome.Object.ID] = openDeal(*outcome.Object)
		}
	}
	for _, c := range contacts {
		if err := related.failed[c]; err != nil {
			found.failed[c] = err
		}
		for _, id := range related.of[c] {
			if err := unread[id]; err != nil {
				found.failed[c] = err
			}
			if deal, ok := open[id]; ok {
				found.of[c] = append(found.of[c], deal)
			}
		}
	}
	return found, nil
}

// ContactsOf returns the contacts that each of the deals is associated with now, which
// the directory asks HubSpot for. failed are the deals at which HubSpot fails, and how.
func ContactsOf(ctx context.Context, d *Directory, deals []string) (contacts map[string][]string, failed map[string]error, err error) {
	if len(deals) == 0 || d.session.withheld[plan.Deal] {
		return nil, nil, nil
	}
	client, err := d.contacts.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	related, err := client.Associated(ctx, "deals", "contacts", deals)
	if err != nil {
		return nil, nil, err
	}
	contacts, failed = make(map[string][]string), make(map[string]error)
	for i, outcome := range related {
		if outcome.Err != nil {
			failed[deals[i]] = outcome.Err
		}
		for _, contact := range outcome.Found {
			contacts[deals[i]] = append(contacts[deals[i]], contact.ToID)
		}
	}
	return contacts, failed, nil
}

// MergedInto returns, by the ids that deals had, the deals that they were merged into
// and that are open now. The directory asks HubSpot.
func MergedInto(ctx context.Context, d *Directory, deals []string) (map[string]plan.OpenDeal, error) {
	found, _, err := d.current(ctx, plan.Deal, deals, dealProperties)
	if err != nil {
		return nil, err
	}
	into := make(map[string]plan.OpenDeal)
	for id, o := range found {
		if o.ID != id && !isClosed(*o) {
			into[id] = openDeal(*o)
		}
	}
	return into, nil
}

// OpenDeals returns the deals of each contact that are open now. failed are the
// contacts of which that is not known, as HubSpot fails at them or at one of their
// deals, and how.
func (d *Directory) OpenDeals(ctx context.Context, contacts []plan.Candidate) (deals map[string][]plan.OpenDeal, failed map[string]error, err error) {
	found, err := d.deals.find(ctx, contacts, nil)
	return found.of, found.failed, err
}

// addDeals adds the open deals to those in the directory whose deals the listing
// tells. Where it is too old to do so, they are read contact by contact; an address
// of whose contact that fails is taken out.
func (d *Directory) addDeals(ctx context.Context, who plan.Directory, addresses []string) error {
	if len(addresses) == 0 {
		return nil
	}
	contacts := make([]string, len(addresses))
	for i, a := range addresses {
		contacts[i] = who[a].ID
	}
	slices.Sort(contacts)
	contacts = slices.Compact(contacts)
	found := foundDeals{of: make(map[string][]plan.OpenDeal)}
	if d.deals.fresh() {
		for _, c := range contacts {
			found.of[c] = d.deals.table.of(c)
		}
	} else {
		related, err := d.deals.related(ctx, contacts)
		if err != nil {
			return fmt.Errorf("looking deals up: %w", err)
		}
		if found, err = d.deals.openOf(ctx, contacts, related); err != nil {
			return fmt.Errorf("looking deals up: %w", err)
		}
	}
	for _, a := range addresses {
		m := who[a]
		if err := found.failed[m.ID]; err != nil {
			d.setBroken(a, err)
			delete(who, a)
			continue
		}
		m.Deals = found.of[m.ID]
		who[a] = m
	}
	return nil
}

// LearnDealLabel finds the configured deal label, once a run. The error is fatal where
// HubSpot has no such label.
func (d *Directory) LearnDealLabel(ctx context.Context) error { return d.deals.learnLabel(ctx) }

// learnLabel finds the association types of the configured deal label,
// once a run: labels are text that users may rename, types are not. The error
// is fatal where HubSpot has no such label.
func (o *openDeals) learnLabel(ctx context.Context) error {
	label := o.conn.cfg.Links.DealLabel
	if label == "" || o.labels != nil {
		return nil
	}
	types, err := o.labelTypes(ctx, "contacts", "deals")
	if err != nil {
		return err
	}
	if len(types) == 0 {
		return &Fatal{
			What:   fmt.Sprintf("HubSpot has no association label %q between contacts and deals", label),
			Remedy: "create the label in HubSpot (Settings → Objects → Contacts → Associations lists those that are there), or correct associations.deals.label in the configuration",
		}
	}
	o.labels = types
	return nil
}

// typesFromDeals returns the types that the deal label has as seen from deals: nil where
// none is configured. known is false where it has another name from there.
func (o *openDeals) typesFromDeals(ctx context.Context) (types map[hubspot.AssociationType]bool, known bool, err error) {
	if o.conn.cfg.Links.DealLabel == "" {
		return nil, true, nil
	}
	types, err = o.labelTypes(ctx, "deals", "contacts")
	return types, len(types) > 0, err
}

// labelTypes returns the association types that the configured deal label has in one
// direction, none where it has no such label.
func (o *openDeals) labelTypes(ctx context.Context, from, to string) (map[hubspot.AssociationType]bool, error) {
	client, err := o.contacts.enter(ctx)
	if err != nil {
		return nil, err
	}
	all, err := client.AssociationTypes(ctx, from, to)
	if err != nil {
		return nil, err
	}
	types := make(map[hubspot.AssociationType]bool)
	for _, t := range all {
		if strings.EqualFold(t.Label, o.conn.cfg.Links.DealLabel) {
			types[t.AssociationType] = true
		}
	}
	return types, nil
}
