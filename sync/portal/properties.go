package portal

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// definition is how HubSpot describes a field.
func definition(f plan.Field) hubspot.Property {
	p := hubspot.Property{
		Name:                 f.Name,
		Label:                f.Label,
		GroupName:            GroupName,
		Type:                 f.Type,
		FieldType:            f.FieldType,
		TextDisplayHint:      f.TextHint,
		NumberDisplayHint:    f.NumberHint,
		CurrencyPropertyName: f.CurrencyOf,
		HasUniqueValue:       f.Unique,
	}
	for i, o := range f.Options {
		p.Options = append(p.Options, option(o, i))
	}
	return p
}

func option(o plan.Option, order int) hubspot.Option {
	return hubspot.Option{Value: o.Value, Label: o.Label, DisplayOrder: order}
}

// PropertyNames are the properties that are read back from a record; metadata are
// those of the customer.
func PropertyNames(metadata []string) []string {
	var names []string
	for _, f := range plan.Fields(metadata...) {
		names = append(names, f.Name)
	}
	return names
}

// ActiveProperties are the properties that are not archived, by name.
func ActiveProperties(props []hubspot.Property) map[string]hubspot.Property {
	have := make(map[string]hubspot.Property, len(props))
	for _, p := range props {
		if !p.Archived {
			have[p.Name] = p
		}
	}
	return have
}

// ForeignRequired returns the properties that the object requires of every
// record and a gift does not have.
func ForeignRequired(s *hubspot.Schema) []string {
	return slices.DeleteFunc(slices.Clone(s.RequiredProperties), func(name string) bool { return name == KeyProperty })
}

// CheckTypes refuses properties whose type users, or an older program under
// the same name, made different from what a gift's value needs.
func CheckTypes(have map[string]hubspot.Property, metadata []string) error {
	var wrong []string
	for _, f := range plan.Fields(metadata...) {
		if p, ok := have[f.Name]; ok && p.Type != f.Type {
			wrong = append(wrong, fmt.Sprintf("%s is of type %s, not %s", f.Name, p.Type, f.Type))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return &Fatal{
		What:   "properties of the custom object have other types than a gift needs: " + strings.Join(wrong, "; "),
		Remedy: "delete these properties in HubSpot, and then for good from the archived properties, as one that is merely deleted comes back as it was; they are then created anew. Or use another object name. No record was written",
	}
}

// A definer adds to the object's definition what it lacks.
type definer struct {
	object *Object
	client Schemas
}

// completeProperties brings the object's properties up to the contract: it
// adds our group, the missing properties and missing options, and refuses
// where a property of ours has a type that a gift's value does not fit. What
// else users changed is left alone.
func (d definer) completeProperties(ctx context.Context, schema *hubspot.Schema) error {
	have := ActiveProperties(schema.Properties)
	metadata := d.object.conn.cfg.Metadata
	if err := CheckTypes(have, metadata); err != nil {
		return err
	}
	if err := d.ensureGroup(ctx); err != nil {
		return err
	}
	// The key property's group is the mark that the object is ours. Where it is
	// not set (yet), our properties are put into the group; otherwise users may
	// have moved them, and they stay where they are.
	regroup := have[KeyProperty].GroupName != GroupName
	var missing []hubspot.Property
	d.object.def.Options = make(map[string][]string)
	for _, f := range plan.Fields(metadata...) {
		p, ok := have[f.Name]
		if !ok {
			missing = append(missing, definition(f))
			p = definition(f)
		}
		if ok && regroup && p.GroupName != GroupName {
			if err := d.moveIntoGroup(ctx, f.Name); err != nil {
				return err
			}
		}
		var values []string
		for _, opt := range p.Options {
			values = append(values, opt.Value)
		}
		if f.Grows {
			d.object.def.Options[f.Name] = values
		}
		var absent []plan.Option
		for _, opt := range f.Options {
			if !slices.Contains(values, opt.Value) {
				absent = append(absent, opt)
			}
		}
		if len(absent) > 0 {
			if err := d.addOptions(ctx, f.Name, p.Options, absent); err != nil {
				return err
			}
		}
	}
	_, err := d.addProperties(ctx, missing)
	d.object.def.Metadata = metadata
	return err
}

// checkArchived refuses to create properties of which an archived one would
// come back with another type.
func (d definer) checkArchived(ctx context.Context, missing []hubspot.Property) error {
	if d.object.created {
		return nil
	}
	archived, err := d.client.ArchivedProperties(ctx, d.object.def.TypeID)
	if err != nil {
		return fmt.Errorf("reading the archived properties: %w", err)
	}
	back := make(map[string]hubspot.Property)
	for _, p := range archived {
		if slices.ContainsFunc(missing, func(m hubspot.Property) bool { return m.Name == p.Name }) {
			back[p.Name] = p
		}
	}
	return CheckTypes(back, d.object.conn.cfg.Metadata)
}

func (d definer) ensureGroup(ctx context.Context) error {
	groups, err := d.client.PropertyGroups(ctx, d.object.def.TypeID)
	if err != nil {
		return fmt.Errorf("reading the property groups: %w", err)
	}
	if slices.ContainsFunc(groups, func(g hubspot.PropertyGroup) bool { return g.Name == GroupName }) {
		return nil
	}
	what := "property group " + GroupName
	_, err = d.object.editor.edit([]string{"add " + what}, func() ([]string, error) {
		if err := d.client.CreatePropertyGroup(ctx, d.object.def.TypeID, hubspot.PropertyGroup{Name: GroupName, Label: groupLabel}); err != nil {
			return nil, fmt.Errorf("adding the property group: %w", err)
		}
		return []string{what}, nil
	})
	return err
}

func (d definer) moveIntoGroup(ctx context.Context, name string) error {
	what := "property " + name + " to group " + GroupName
	_, err := d.object.editor.edit([]string{"add " + what}, func() ([]string, error) {
		if err := d.client.UpdateProperty(ctx, d.object.def.TypeID, name, hubspot.PropertyPatch{GroupName: GroupName}); err != nil {
			return nil, fmt.Errorf("moving property %s into our group: %w", name, err)
		}
		return []string{what}, nil
	})
	return err
}

// addProperties creates missing properties and waits until they can be
// written. HubSpot restores an archived property of the same name, of
// whatever type it was, so the types are checked before and once more after.
// A dry run makes none.
func (d definer) addProperties(ctx context.Context, missing []hubspot.Property) (made bool, err error) {
	if len(missing) == 0 {
		return false, nil
	}
	if err := d.checkArchived(ctx, missing); err != nil {
		return false, err
	}
	var notes []string
	for _, p := range missing {
		notes = append(notes, "add property "+p.Name)
	}
	made, err = d.object.editor.edit(notes, func() ([]string, error) { return d.createProperties(ctx, missing) })
	if err != nil || !made {
		return made, err
	}
	return true, d.awaitProperties(ctx, missing)
}

// createProperties creates properties and returns those that HubSpot took.
func (d definer) createProperties(ctx context.Context, missing []hubspot.Property) (added []string, err error) {
	refusals, err := d.client.CreateProperties(ctx, d.object.def.TypeID, missing)
	if err == nil {
		err = d.addPlainNumbers(ctx, missing, refusals)
	}
	var refused error
	for i, refusal := range refusals {
		switch {
		case refusal == nil:
			added = append(added, "property "+missing[i].Name)
		case refused == nil:
			refused = &Fatal{
				What:   "HubSpot refused property " + missing[i].Name,
				Remedy: "make room or remove what is in its way in HubSpot (Settings → Properties), then run again",
				Err:    refusal,
			}
		}
	}
	if err != nil {
		return added, fmt.Errorf("adding properties: %w", err)
	}
	return added, refused
}

// addPlainNumbers adds amounts as plain numbers that HubSpot refused as
// amounts of another property's currency, which not every account may know.
func (d definer) addPlainNumbers(ctx context.Context, missing []hubspot.Property, refusals []error) error {
	for i, p := range missing {
		if refusals[i] == nil || p.CurrencyPropertyName == "" {
			continue
		}
		p.NumberDisplayHint, p.CurrencyPropertyName = "formatted", ""
		again, err := d.client.CreateProperties(ctx, d.object.def.TypeID, []hubspot.Property{p})
		if err != nil {
			return err
		}
		refusals[i] = again[0]
	}
	return nil
}

// visibleWithin is how long a new property may take to show; HubSpot was seen
// to need up to 700 ms.
const visibleWithin = 30 * time.Second

// awaitProperties waits until the new properties are readable, because a write
// that names one before that is refused.
func (d definer) awaitProperties(ctx context.Context, added []hubspot.Property) error {
	deadline := time.Now().Add(visibleWithin)
	for wait := 250 * time.Millisecond; ; wait *= 2 {
		props, err := d.client.Properties(ctx, d.object.def.TypeID)
		if err != nil {
			return fmt.Errorf("reading the properties: %w", err)
		}
		have := make(map[string]hubspot.Property, len(props))
		for _, p := range props {
			have[p.Name] = p
		}
		if err := CheckTypes(have, d.object.conn.cfg.Metadata); err != nil {
			return err
		}
		if !slices.ContainsFunc(added, func(p hubspot.Property) bool { _, ok := have[p.Name]; return !ok }) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("HubSpot does not show the new properties after %v; run again later", visibleWithin)
		}
		if err := d.object.session.pause(ctx, wait); err != nil {
			return err
		}
	}
}
