package portal

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// uniqueSlots is how many unique properties an object type may have, HubSpot's
// own not counted.
//
// https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
const uniqueSlots = 10

// Adopt makes a custom object ours that this program did not create: the
// vendor's own integration makes one. Everything that stands in the way is
// found before anything is written. Nothing is renamed or deleted, and the
// records that are there stay as they are.
//
// The unique property comes first, in our group, which is the mark that the
// object is ours. If we crash before that, it is still a stranger's object,
// refused as before; if we crash after it, every later run may complete the
// object.
func (o *Object) Adopt(ctx context.Context, typeID string) error {
	if e, ok := o.editor.(auditedEditor); ok {
		o.editor = reportingEditor{e, o}
	}
	client, err := o.schemas.enter(ctx)
	if err != nil {
		return err
	}
	schema, err := o.adoptable(ctx, client, typeID)
	if err != nil {
		return err
	}
	o.def = &Definition{TypeID: schema.ObjectTypeID, Checked: o.session.Started}
	d := definer{o, client}
	if err := d.claim(ctx, schema); err != nil {
		return err
	}
	_, recorded, err := o.Recorded()
	if err != nil {
		return err
	}
	if !recorded {
		if err := o.recordAdopted(schema); err != nil {
			return err
		}
	}
	return o.complete(ctx, client, schema)
}

// adoptable returns the custom object with this type id, and fails with all
// that stands in the way of adopting it.
func (o *Object) adoptable(ctx context.Context, client Schemas, typeID string) (*hubspot.Schema, error) {
	known, _, err := o.Recorded()
	if err != nil {
		return nil, err
	}
	if known.TypeID != "" && known.TypeID != typeID {
		return nil, &Fatal{
			What:   "this portal has the custom object " + known.TypeID + " already, and " + typeID + " is another",
			Remedy: "a state file never changes its object: give " + typeID + " a portal of its own in the configuration. Nothing was written",
		}
	}
	schemas, err := client.Schemas(ctx)
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
	archived, err := client.ArchivedProperties(ctx, typeID)
	if err != nil {
		return nil, fmt.Errorf("reading the deleted properties: %w", err)
	}
	if bad := o.objections(&schemas[i], archived); len(bad) > 0 {
		return nil, &Fatal{
			What:   fmt.Sprintf("the custom object %s (%s) cannot be taken over as it is: %s", typeID, schemas[i].Name, strings.Join(bad, "; ")),
			Remedy: "change these, then run `check --adopt " + typeID + " --portal " + o.conn.cfg.Name + "` again; or leave that object alone and choose another name in portals[].hubspot.object. Nothing was written",
		}
	}
	return &schemas[i], nil
}

// objections lists what stands in the way of adopting an object, each with
// what to do about it. A deleted property counts where one of its name is to
// be made, because HubSpot brings it back as it was.
func (o *Object) objections(s *hubspot.Schema, archived []hubspot.Property) []string {
	var bad []string
	if name := o.conn.cfg.Object.Name; !strings.EqualFold(s.Name, name) {
		// Without the state file an object is found by its name alone.
		bad = append(bad, fmt.Sprintf("it is called %s, and the configuration says %s (set portals[].hubspot.object.name to %[1]s)", s.Name, name))
	}
	have := ActiveProperties(s.Properties)
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
	for _, f := range plan.Fields(o.conn.cfg.Metadata...) {
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
	for _, name := range ForeignRequired(s) {
		bad = append(bad, "it requires "+name+" of every new record, which no gift has (make it optional)")
	}
	return bad
}

// claim gives the object the unique property in our group, by which it is
// known to be ours, and adds it to the schema that was read.
func (d definer) claim(ctx context.Context, schema *hubspot.Schema) error {
	key := property(schema, KeyProperty)
	if key != nil && key.GroupName == GroupName {
		return nil
	}
	if err := d.ensureGroup(ctx); err != nil {
		return err
	}
	if key != nil {
		key.GroupName = GroupName
		return d.moveIntoGroup(ctx, KeyProperty)
	}
	fields := plan.Fields()
	def := definition(fields[slices.IndexFunc(fields, func(f plan.Field) bool { return f.Name == KeyProperty })])
	made, err := d.addProperties(ctx, []hubspot.Property{def})
	if err != nil {
		return err
	}
	schema.Properties = append(schema.Properties, def)
	if !made {
		return nil
	}
	props, err := d.client.Properties(ctx, d.object.def.TypeID)
	if err != nil {
		return fmt.Errorf("reading the properties: %w", err)
	}
	return checkKey(&hubspot.Schema{Properties: props})
}

// recordAdopted notes in the state file that the object is ours.
func (o *Object) recordAdopted(s *hubspot.Schema) error {
	what := fmt.Sprintf("adopt custom object %s (%s)", s.ObjectTypeID, s.Name)
	o.note(what)
	_, err := o.editor.edit(nil, func() ([]string, error) {
		o.session.Log.Info("custom object adopted", "object", s.ObjectTypeID, "name", s.Name)
		return nil, o.session.Memory.Remember(objectEntry, Definition{TypeID: s.ObjectTypeID}, o.session.schemaEntry(what))
	})
	return err
}
