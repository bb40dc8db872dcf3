package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

const (
	// keyProperty identifies a record by its transaction.
	keyProperty = "thnks_transaction_id"
	// displayProperty is what HubSpot shows as a record's name.
	displayProperty = "gift_name"
	// groupName is the property group that marks the custom object as ours.
	groupName  = "thnks_hubspot_sync"
	groupLabel = "Thnks"
	// listedWithin is how long a new object may be missing from the list.
	listedWithin = 2 * time.Minute
	// driftAfter is for how long the object's definition is taken as known.
	driftAfter = 24 * time.Hour
)

// HubSpot's ids of the standard object types.
var typeIDs = map[plan.Kind]string{
	plan.Contact: "0-1",
	plan.Company: "0-2",
	plan.Deal:    "0-3",
}

// An object is what is known of the portal's custom object.
type object struct {
	TypeID  string                                `json:"type_id"` // e.g. 2-123
	Links   map[plan.Kind]hubspot.AssociationType `json:"links"`   // association types from a gift
	Options map[string][]string                   `json:"options"` // values of the enumerations that grow
	Checked time.Time                             `json:"checked"`
}

// findObject makes the custom object known: as it was recorded, where that is
// fresh enough, and otherwise found in HubSpot, created, or completed. It
// fails before any write where the object is not ours or has been changed so
// that a gift does not fit.
func (r *run) findObject(ctx context.Context) error {
	if r.object != nil {
		return nil
	}
	var known object
	recorded, err := recall(r.Journal, metaObject, &known)
	if err != nil {
		return err
	}
	if recorded && r.mode != Backfill && !r.over(known.Checked, driftAfter) {
		r.object = &known
		return nil
	}
	schemas, err := r.CRM.Schemas(ctx)
	if err != nil {
		return err
	}
	schema, err := r.pick(schemas, known.TypeID)
	for begun := time.Now(); recorded && known.Checked.IsZero() && schema == nil && err != nil && time.Since(begun) < listedWithin; {
		// Created by a run that died: the list may not show it yet.
		if err := pause(ctx, 5*time.Second); err != nil {
			return err
		}
		if schemas, err = r.CRM.Schemas(ctx); err != nil {
			return err
		}
		schema, err = r.pick(schemas, known.TypeID)
	}
	if err != nil {
		return err
	}
	if schema == nil {
		if err := r.permitted(ctx); err != nil {
			return err
		}
	}
	switch {
	case schema != nil:
	case r.req.DryRun:
		r.schema = append(r.schema, fmt.Sprintf("create custom object %s with %d properties", r.Object.Name, len(plan.Fields())))
		r.object = &object{}
		return nil
	default:
		if schema, err = r.createObject(ctx); err != nil {
			return err
		}
		r.made = true
	}
	r.object, r.seen = &object{TypeID: schema.ObjectTypeID, Checked: r.started}, true
	if !recorded && !r.req.DryRun {
		// Ours from here on, even if the rest of this fails.
		if err := r.remember(metaObject, object{TypeID: schema.ObjectTypeID}); err != nil {
			return err
		}
	}
	if err := r.completeProperties(ctx, schema); err != nil {
		return err
	}
	if err := r.findLinkTypes(ctx, schema); err != nil {
		return err
	}
	return r.remember(metaObject, r.object)
}

// stillThere looks, once a run, whether the object is still in HubSpot, which has
// refused something: what it refuses for want of the object is no record's fault
// and no event's.
func (r *run) stillThere(ctx context.Context) error {
	if r.seen || r.object.TypeID == "" || !r.over(r.object.Checked, listedWithin) {
		return nil
	}
	schemas, err := r.CRM.Schemas(ctx)
	if err != nil {
		return fmt.Errorf("looking whether the custom object is still there: %w", err)
	}
	_, err = r.pick(schemas, r.object.TypeID)
	r.seen = err == nil
	return err
}

// pick returns our schema among the portal's, or nil when there is none yet.
func (r *run) pick(schemas []hubspot.Schema, typeID string) (*hubspot.Schema, error) {
	if typeID != "" {
		for i := range schemas {
			if schemas[i].ObjectTypeID == typeID {
				return &schemas[i], ours(&schemas[i])
			}
		}
		return nil, &Fatal{
			What:   "the custom object " + typeID + " is no longer in HubSpot",
			Remedy: "restore it in HubSpot; or, to start over with a new one, stop the service, move the portal's state file aside and run `sync --backfill`. It is not created again by itself",
		}
	}
	for i := range schemas {
		s := &schemas[i]
		if !strings.EqualFold(s.Name, r.Object.Name) {
			continue
		}
		var creating string
		if _, err := recall(r.Journal, metaCreating, &creating); err != nil {
			return nil, err
		}
		key := property(s, keyProperty)
		marked := key != nil && key.GroupName == groupName
		begun := creating == r.Object.Name && key != nil // by us, in a run that died
		if !marked && !begun {
			return nil, &Fatal{
				What:   fmt.Sprintf("the account already has a custom object %q that this program did not make", s.Name),
				Remedy: "choose another name in portals[].hubspot.object; or take it over: `check --adopt " + s.ObjectTypeID + " --portal " + r.Portal + "`. Nothing was written",
			}
		}
		return s, ours(s)
	}
	return nil, nil
}

// ours checks that the object still has what everything rests on.
func ours(s *hubspot.Schema) error {
	key := property(s, keyProperty)
	if key == nil || !key.HasUniqueValue {
		return &Fatal{
			What:   "the custom object's property " + keyProperty + " is missing or no longer unique",
			Remedy: "without it records would be doubled. A property becomes unique only when it is created: move the object's data to a new object, or ask HubSpot's support to restore the property; nothing was written",
		}
	}
	return nil
}

func property(s *hubspot.Schema, name string) *hubspot.Property {
	for i := range s.Properties {
		if s.Properties[i].Name == name && !s.Properties[i].Archived {
			return &s.Properties[i]
		}
	}
	return nil
}

// createObject creates the custom object with the properties that its
// definition refers to; the rest follow in completeProperties. HubSpot answers
// 201 for a name that exists, with somebody else's definition, so what comes
// back is checked.
func (r *run) createObject(ctx context.Context) (*hubspot.Schema, error) {
	if err := r.remember(metaCreating, r.Object.Name); err != nil {
		return nil, err
	}
	def := hubspot.NewSchema{
		Name:                   r.Object.Name,
		Labels:                 hubspot.Labels{Singular: r.Object.Singular, Plural: r.Object.Plural},
		Description:            "Thnks sent by this organisation, kept up to date by thnks-hubspot-sync.",
		PrimaryDisplayProperty: displayProperty,
		AssociatedObjects:      []string{typeIDs[plan.Contact], typeIDs[plan.Company], typeIDs[plan.Deal]},
		RequiredProperties:     []string{},
	}
	for _, f := range plan.Fields() {
		if f.Required {
			def.RequiredProperties = append(def.RequiredProperties, f.Name)
		}
		if f.Searchable {
			def.SearchableProperties = append(def.SearchableProperties, f.Name)
		}
		if f.Required || f.Searchable || f.Name == displayProperty {
			p := definition(f)
			p.GroupName = "" // the group can be made only once the object is there
			def.Properties = append(def.Properties, p)
		}
	}
	schema, err := r.CRM.CreateSchema(ctx, def)
	if refused(err) {
		return nil, &Fatal{
			What:   "HubSpot refuses to make the custom object " + r.Object.Name,
			Remedy: "an account has room for a limited number of custom objects, and each name and label once: make room, or choose another portals[].hubspot.object, then run again",
			Err:    err,
		}
	}
	if err != nil {
		return nil, fmt.Errorf("creating the custom object: %w", err)
	}
	if err := ours(schema); err != nil {
		return nil, err
	}
	r.log.Info("custom object created", "object", schema.ObjectTypeID, "name", r.Object.Name)
	return schema, r.auditSchema("custom object " + r.Object.Name)
}

// permitted refuses to begin with a token that lacks a scope which the portal's
// settings need, as far as HubSpot lists a token's scopes: otherwise a missing
// one would show after the first writes.
func (r *run) permitted(ctx context.Context) error {
	scopes, err := r.CRM.Scopes(ctx)
	if scopesUntold(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the token's scopes: %w", err)
	}
	var missing []string
	for _, n := range needs() {
		unused := n.probe == "companies" && !r.Rules.Companies || n.probe == "deals" && r.Rules.MaxDeals == 0
		if !unused && !slices.Contains(scopes, n.scope) {
			missing = append(missing, n.scope)
		}
	}
	if len(missing) > 0 {
		return unscoped(missing, nil)
	}
	return nil
}

// auditSchema writes the audit entry of additions to the object's definition.
func (r *run) auditSchema(what ...string) error {
	if r.mode == Adopt {
		r.plans(what...)
	}
	return r.Journal.Commit(store.Commit{Audit: []store.AuditEntry{r.schemaEntry(what...)}})
}

func (r *run) schemaEntry(what ...string) store.AuditEntry {
	return store.AuditEntry{At: time.Now().UTC(), Run: r.id, Action: actionSchema, Reasons: what}
}

// plans notes additions to the definition for the report.
func (r *run) plans(what ...string) {
	for _, w := range what {
		if w = "add " + w; !slices.Contains(r.schema, w) {
			r.schema = append(r.schema, w)
		}
	}
}

// planned reports whether an addition to the definition is among those that
// plans noted.
func (r *run) planned(what string) bool { return slices.Contains(r.schema, "add "+what) }

// findLinkTypes learns the association types from a gift to the records it is
// linked to; they differ from account to account. A missing definition is
// added.
func (r *run) findLinkTypes(ctx context.Context, schema *hubspot.Schema) error {
	r.object.Links = make(map[plan.Kind]hubspot.AssociationType)
	for _, kind := range []plan.Kind{plan.Contact, plan.Company, plan.Deal} {
		t, err := r.linkType(ctx, schema, kind)
		if errors.Is(err, errNoLinkType) {
			what := "association definition to " + linkTypes[kind]
			if r.req.DryRun {
				r.plans(what)
				continue
			}
			name := r.Object.Name + "_to_" + string(kind)
			if err := r.CRM.CreateAssociationDefinition(ctx, r.object.TypeID, typeIDs[kind], name); err != nil {
				return fmt.Errorf("adding the %s: %w", what, err)
			}
			if err := r.auditSchema(what); err != nil {
				return err
			}
			t, err = r.linkType(ctx, nil, kind)
		}
		if err != nil {
			return err
		}
		r.object.Links[kind] = t
	}
	return nil
}

var errNoLinkType = errors.New("no association type")

// linkType returns the unlabelled type from a gift to kind. The object's
// definition tells it where there is but one; where people have added labels,
// each of which is a type of its own, HubSpot has to be asked which is which.
func (r *run) linkType(ctx context.Context, schema *hubspot.Schema, kind plan.Kind) (hubspot.AssociationType, error) {
	var defined []int
	if schema != nil {
		for _, a := range schema.Associations {
			if a.FromTypeID == schema.ObjectTypeID && a.ToTypeID == typeIDs[kind] {
				defined = append(defined, a.ID)
			}
		}
	}
	if len(defined) == 1 {
		return hubspot.AssociationType{Category: "USER_DEFINED", ID: defined[0]}, nil
	}
	types, err := r.CRM.AssociationTypes(ctx, r.object.TypeID, linkTypes[kind])
	if schema != nil && defined == nil && kindIs(err, hubspot.Refused, hubspot.NotFound) {
		types, err = nil, nil // no pair of types that can be associated
	}
	if err != nil {
		return hubspot.AssociationType{}, fmt.Errorf("reading the association types to %s: %w", linkTypes[kind], err)
	}
	i := slices.IndexFunc(types, func(t hubspot.LabelledType) bool { return t.Label == "" })
	if i < 0 {
		return hubspot.AssociationType{}, fmt.Errorf("%w from the custom object to %s", errNoLinkType, linkTypes[kind])
	}
	return types[i].AssociationType, nil
}
