package portal

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// OpenDeals returns the deals of each contact that are open now. failed are the
// contacts of which that is not known, as HubSpot fails at them or at one of their
// deals, and how.
func (d *Directory) OpenDeals(ctx context.Context, contacts []string) (deals map[string][]plan.OpenDeal, failed map[string]error, err error) {
	if len(contacts) == 0 || d.conn.cfg.Links.MaxDeals == 0 {
		return nil, nil, nil
	}
	client, err := d.contacts.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := d.LearnDealLabel(ctx); err != nil {
		return nil, nil, err
	}
	related, err := client.Associated(ctx, "contacts", "deals", contacts)
	if err != nil {
		return nil, nil, err
	}
	failed = make(map[string]error)
	var ids []string
	seen := make(map[string]bool)
	for i, outcome := range related {
		if hubspot.IsUnprocessable(outcome.Err) {
			failed[contacts[i]] = outcome.Err
		} else if outcome.Err != nil {
			d.session.Log.Warn("deals of a contact not readable", "contact", contacts[i], "error", outcome.Err)
		}
		for _, deal := range outcome.Found {
			if d.labelled(deal) && !seen[deal.ToID] {
				seen[deal.ToID] = true
				ids = append(ids, deal.ToID)
			}
		}
	}
	outcomes, err := client.Read(ctx, "deals", ids, dealProperties)
	if err != nil {
		return nil, nil, err
	}
	open := make(map[string]plan.OpenDeal)
	unread := make(map[string]error)
	for i, o := range outcomes {
		if hubspot.IsUnprocessable(o.Err) {
			unread[ids[i]] = o.Err
		}
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
	deals = make(map[string][]plan.OpenDeal)
	for i, outcome := range related {
		for _, related := range outcome.Found {
			if err := unread[related.ToID]; err != nil && d.labelled(related) {
				failed[contacts[i]] = err
			}
			if deal, ok := open[related.ToID]; ok && d.labelled(related) {
				deals[contacts[i]] = append(deals[contacts[i]], deal)
			}
		}
	}
	return deals, failed, nil
}

// labelled reports whether a contact is tied to a deal in the way that the
// portal's rules ask for.
func (d *Directory) labelled(deal hubspot.Related) bool {
	if d.labels == nil {
		return true
	}
	for _, t := range deal.Types {
		if d.labels[t] {
			return true
		}
	}
	return false
}

// LearnDealLabel finds the association types of the configured deal label,
// once a run: labels are text that users may rename, types are not. The error
// is fatal where HubSpot has no such label.
func (d *Directory) LearnDealLabel(ctx context.Context) error {
	label := d.conn.cfg.Links.DealLabel
	if label == "" || d.labels != nil {
		return nil
	}
	client, err := d.contacts.enter(ctx)
	if err != nil {
		return err
	}
	types, err := client.AssociationTypes(ctx, "contacts", "deals")
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
	d.labels = labels
	return nil
}
