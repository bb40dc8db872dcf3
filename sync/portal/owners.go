package portal

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// OwnerProperty is HubSpot's own property for the user a record belongs to.
const OwnerProperty = "hubspot_owner_id"

// owners are the portal's active users by canonical address. They are listed
// once a run, when first needed; without the scope there are none.
type owners struct {
	byEmail  map[string]string
	learned  bool
	unlisted error // HubSpot failed at their listing
}

// LearnOwners lists the portal's users, once a run. Where HubSpot fails at that, no
// record gets an owner, and [OwnersUnlisted] says so: nothing else depends on
// it.
func (d *Directory) LearnOwners(ctx context.Context) error {
	if d.owners.learned {
		return nil
	}
	client, err := d.contacts.enter(ctx)
	if err != nil {
		return err
	}
	list, err := client.Owners(ctx)
	if KindIs(err, hubspot.Forbidden) {
		d.owners.learned = true
		d.session.Log.Debug("records get no owner: the token lacks " + OwnersScope)
		return nil
	}
	if err != nil {
		err = fmt.Errorf("listing owners: %w", err)
		if !failedAlone(err) {
			return err
		}
		d.owners = owners{learned: true, unlisted: err}
		d.session.Log.Warn("owners cannot be listed; records get none in this run", "error", err)
		return nil
	}
	d.owners = owners{byEmail: make(map[string]string), learned: true}
	for _, o := range list {
		a, ok := plan.CanonicalEmail(o.Email)
		if !ok || o.Archived {
			continue
		}
		if have, ok := d.owners.byEmail[a]; !ok || plan.CompareIDs(o.ID, have) < 0 {
			d.owners.byEmail[a] = o.ID
		}
	}
	return nil
}

// OwnersKnown reports whether the portal's users could be listed.
func (d *Directory) OwnersKnown() bool { return d.owners.byEmail != nil }

// OwnersUnlisted returns how HubSpot failed when the directory listed the portal's users,
// nil where it did not or was not asked.
func OwnersUnlisted(d *Directory) error { return d.owners.unlisted }

// OwnerOf returns the id of the user with this address, "" when none is known.
func (d *Directory) OwnerOf(address string) string {
	a, ok := plan.CanonicalEmail(address)
	if !ok {
		return ""
	}
	return d.owners.byEmail[a]
}

// setOwners gives records that are about to be created to the user who sent
// the gift.
func (d *Directory) setOwners(ctx context.Context, creates []plan.Change) error {
	if err := d.LearnOwners(ctx); err != nil {
		return err
	}
	for _, c := range creates {
		if id := d.OwnerOf(c.Gift.Sender.Email); id != "" {
			c.Properties[OwnerProperty] = id
		}
	}
	return nil
}

// forgetOwner gives no more records to a user, whom HubSpot does not take for an
// owner.
func (d *Directory) forgetOwner(id string) {
	maps.DeleteFunc(d.owners.byEmail, func(_, owner string) bool { return owner == id })
}

// stagesEntry is the memory's entry for the deal stages, a map of stage id →
// label.
const stagesEntry = "stages"

// learnStages reads the deal pipelines, once a run at most, when a link is
// about to be made at a stage whose label is not known yet.
func (d *Directory) learnStages(ctx context.Context, changes []plan.Change) error {
	if d.staged {
		return nil
	}
	known := make(map[string]string)
	if _, err := d.session.Memory.Recall(stagesEntry, &known); err != nil {
		return err
	}
	if !slices.ContainsFunc(changes, func(c plan.Change) bool {
		return slices.ContainsFunc(c.Links, func(l plan.Link) bool { return l.Stage != "" && known[l.Stage] == "" })
	}) {
		return nil
	}
	client, err := d.contacts.enter(ctx)
	if err != nil {
		return err
	}
	d.staged = true
	pipelines, err := client.Pipelines(ctx, "deals")
	if failedAlone(err) {
		d.session.Log.Warn("the names of deal stages cannot be read; a later run tries again", "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the deal stages: %w", err)
	}
	for _, p := range pipelines {
		for _, s := range p.Stages {
			known[s.ID] = s.Label
			if len(pipelines) > 1 {
				known[s.ID] = p.Label + ": " + s.Label
			}
		}
	}
	return d.session.Memory.Remember(stagesEntry, known)
}

// RecallStages returns the labels of the deal stages that links were made at,
// by stage id. A stage not yet learned is missing.
func RecallStages(m interface {
	Recall(name string, v any) (bool, error)
},
) (map[string]string, error) {
	stages := make(map[string]string)
	_, err := m.Recall(stagesEntry, &stages)
	return stages, err
}
