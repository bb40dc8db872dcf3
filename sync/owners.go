package sync

import (
	"context"
	"fmt"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// ownerProperty is HubSpot's own property for the user a record belongs to.
const ownerProperty = "hubspot_owner_id"

// owners are the portal's active users by canonical address. They are listed
// once a run, when first needed; without the scope there are none.
type owners struct {
	byEmail map[string]string
	learnt  bool
}

// giveOwners gives records that are about to be created to the user who sent
// the gift.
func (b *batch) giveOwners(ctx context.Context, creates []plan.Change) error {
	if len(creates) == 0 {
		return nil
	}
	if err := b.learnOwners(ctx); err != nil {
		return err
	}
	for _, c := range creates {
		if id := b.ownerOf(c.Gift); id != "" {
			c.Properties[ownerProperty] = id
		}
	}
	return nil
}

// ownerOf returns the id of the user who sent the gift, "" when none is known.
func (r *run) ownerOf(g plan.Gift) string {
	a, ok := plan.CanonicalEmail(g.Sender.Email)
	if !ok {
		return ""
	}
	return r.owners.byEmail[a]
}

func (r *run) learnOwners(ctx context.Context) error {
	if r.owners.learnt {
		return nil
	}
	list, err := r.CRM.Owners(ctx)
	if kindIs(err, hubspot.Forbidden) {
		r.owners.learnt = true
		r.log.Debug("records get no owner: the token lacks crm.objects.owners.read")
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing owners: %w", err)
	}
	r.owners = owners{byEmail: make(map[string]string), learnt: true}
	for _, o := range list {
		a, ok := plan.CanonicalEmail(o.Email)
		if !ok || o.Archived {
			continue
		}
		if have, ok := r.owners.byEmail[a]; !ok || plan.CompareIDs(o.ID, have) < 0 {
			r.owners.byEmail[a] = o.ID
		}
	}
	return nil
}
