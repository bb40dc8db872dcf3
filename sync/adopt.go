package sync

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// uniqueSlots is how many unique properties an object type may have, HubSpot's
// own not counted.
//
// https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
const uniqueSlots = 10

// takeOver makes a custom object ours that somebody else made: the vendor's
// own integration makes one. Everything that stands in the way is found before
// anything is written. Nothing is renamed or deleted, and the records that are
// there stay as they are.
//
// The unique property comes first, in our group, which is the mark that the
// object is ours. A run that dies before that leaves a stranger's object,
// refused as before; one that dies after it has given every later run leave to
// complete the object.
func (r *run) takeOver(ctx context.Context) error {
	if len(r.req.Keys) != 1 {
		return &Fatal{What: "no custom object named", Remedy: "name one by its type id, such as `check --adopt 2-123456`"}
	}
	if err := r.identify(ctx); err != nil {
		return err
	}
	schema, err := r.adoptable(ctx, r.req.Keys[0])
	if err != nil {
		return err
	}
	r.object = &object{TypeID: schema.ObjectTypeID, Checked: r.started}
	if err := r.mark(ctx, schema); err != nil {
		return err
	}
	var known object
	recorded, err := recall(r.Journal, metaObject, &known)
	if err != nil {
		return err
	}
	if !recorded {
		if err := r.recordAdopted(schema); err != nil {
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

// adoptable returns the custom object with this type id, and fails with all
// that stands in the way of taking it over.
func (r *run) adoptable(ctx context.Context, typeID string) (*hubspot.Schema, error) {
	var known object
	if _, err := recall(r.Journal, metaObject, &known); err != nil {
		return nil, err
	}
	if known.TypeID != "" && known.TypeID != typeID {
		return nil, &Fatal{
			What:   "this portal has the custom object " + known.TypeID + " already, and " + typeID + " is another",
			Remedy: "a state file never changes its object: give " + typeID + " a portal of its own in the configuration. Nothing was written",
		}
	}
	schemas, err := r.CRM.Schemas(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(schemas, func(s hubspot.Schema) bool { return s.ObjectTypeID == typeID })
	if i < 0 {
		var there []string
		for _, s := range schemas {
			there = append(there, s.ObjectTypeID+" ("+s.Name+")")
		}
		return nil, &Fatal{
			What:   fmt.Sprintf("HubSpot has no custom object %s; it has: %s", typeID, strings.Join(there, ", ")),
			Remedy: "name one of these by its type id. Nothing was written",
		}
	}
	archived, err := r.CRM.ArchivedProperties(ctx, typeID)
	if err != nil {
		return nil, fmt.Errorf("reading the deleted properties: %w", err)
	}
	if bad := r.objections(&schemas[i], archived); len(bad) > 0 {
		return nil, &Fatal{
			What:   fmt.Sprintf("the custom object %s (%s) cannot be taken over as it is: %s", typeID, schemas[i].Name, strings.Join(bad, "; ")),
			Remedy: "change these, then run `check --adopt " + typeID + " --portal " + r.Portal + "` again; or leave that object alone and choose another name in portals[].hubspot.object. Nothing was written",
		}
	}
	return &schemas[i], nil
}

// objections lists what stands in the way of taking an object over, each with
// what to do about it. A deleted property counts where one of its name is to
// be made, because HubSpot brings it back as it was.
func (r *run) objections(s *hubspot.Schema, archived []hubspot.Property) []string {
	var bad []string
	if !strings.EqualFold(s.Name, r.Object.Name) {
		// Without the state file an object is found by its name alone.
		bad = append(bad, fmt.Sprintf("it is called %s, and the configuration says %s (set portals[].hubspot.object.name to %[1]s)", s.Name, r.Object.Name))
	}
	have := living(s.Properties)
	deleted := make(map[string]bool)
	for _, p := range archived {
		if _, ok := have[p.Name]; !ok {
			have[p.Name], deleted[p.Name] = p, true
		}
	}
	unique := 0
	for _, p := range s.Properties {
		if p.HasUniqueValue && !p.Archived && !strings.HasPrefix(p.Name, "hs_") {
			unique++
		}
	}
	for _, f := range plan.Fields() {
		p, ok := have[f.Name]
		remove := "delete it in HubSpot, then delete it for good from the archived properties"
		if deleted[f.Name] {
			remove = "it is among the archived properties and would come back so: delete it there for good"
		}
		switch {
		case ok && p.Type != f.Type:
			bad = append(bad, fmt.Sprintf("property %s is of type %s, not %s (%s)", f.Name, p.Type, f.Type, remove))
		case ok && f.Unique && !p.HasUniqueValue:
			bad = append(bad, fmt.Sprintf("property %s is not unique, and becomes so only when it is made (%s)", f.Name, remove))
		case f.Unique && (!ok || deleted[f.Name]) && unique >= uniqueSlots:
			bad = append(bad, fmt.Sprintf("it has %d unique properties, and %s would be one more than HubSpot allows (delete one)", unique, f.Name))
		}
	}
	for _, name := range foreignRequired(s) {
		bad = append(bad, "it requires "+name+" of every new record, which no gift has (make it optional)")
	}
	return bad
}

// mark gives the object the unique property in our group, by which it is known
// to be ours, and adds it to the schema that was read.
func (r *run) mark(ctx context.Context, schema *hubspot.Schema) error {
	key := property(schema, keyProperty)
	if key != nil && key.GroupName == groupName {
		return nil
	}
	if err := r.ensureGroup(ctx); err != nil {
		return err
	}
	if key != nil {
		key.GroupName = groupName
		return r.intoGroup(ctx, keyProperty)
	}
	fields := plan.Fields()
	def := definition(fields[slices.IndexFunc(fields, func(f plan.Field) bool { return f.Name == keyProperty })])
	if err := r.addProperties(ctx, []hubspot.Property{def}); err != nil {
		return err
	}
	schema.Properties = append(schema.Properties, def)
	if r.req.DryRun {
		return nil
	}
	props, err := r.CRM.Properties(ctx, r.object.TypeID)
	if err != nil {
		return fmt.Errorf("reading the properties: %w", err)
	}
	return ours(&hubspot.Schema{Properties: props})
}

// recordAdopted notes in the state file that the object is ours.
func (r *run) recordAdopted(s *hubspot.Schema) error {
	what := fmt.Sprintf("adopt custom object %s (%s)", s.ObjectTypeID, s.Name)
	r.schema = append(r.schema, what)
	if r.req.DryRun {
		return nil
	}
	r.log.Info("custom object taken over", "object", s.ObjectTypeID, "name", s.Name)
	return r.Journal.Commit(store.Commit{
		Meta:  meta(metaObject, object{TypeID: s.ObjectTypeID}),
		Audit: []store.AuditEntry{r.schemaEntry(what)},
	})
}
