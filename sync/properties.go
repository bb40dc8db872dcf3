package sync

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// definition is how HubSpot is told of a field.
func definition(f plan.Field) hubspot.Property {
	p := hubspot.Property{
		Name:                 f.Name,
		Label:                f.Label,
		GroupName:            groupName,
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

// propertyNames are the properties that are read back from a record.
func propertyNames() []string {
	var names []string
	for _, f := range plan.Fields() {
		names = append(names, f.Name)
	}
	return names
}

// completeProperties brings the object's properties up to the contract: it
// adds our group, the missing properties and missing options, and refuses
// where a property of ours has a type that a gift's value does not fit. What
// else people changed is left alone.
func (r *run) completeProperties(ctx context.Context, schema *hubspot.Schema) error {
	have := living(schema.Properties)
	if err := checkTypes(have); err != nil {
		return err
	}
	if err := r.ensureGroup(ctx); err != nil {
		return err
	}
	// The key property's group is the mark that the object is ours. Where it is
	// not set (yet), our properties are put into the group; otherwise people may
	// have moved them, and they stay where they are.
	regroup := have[keyProperty].GroupName != groupName
	var missing []hubspot.Property
	r.object.Options = make(map[string][]string)
	for _, f := range plan.Fields() {
		p, ok := have[f.Name]
		if !ok {
			missing = append(missing, definition(f))
			p = definition(f)
		}
		if ok && regroup && p.GroupName != groupName {
			if err := r.intoGroup(ctx, f.Name); err != nil {
				return err
			}
		}
		var values []string
		for _, o := range p.Options {
			values = append(values, o.Value)
		}
		if f.Grows {
			r.object.Options[f.Name] = values
		}
		var lacking []plan.Option
		for _, o := range f.Options {
			if !slices.Contains(values, o.Value) {
				lacking = append(lacking, o)
			}
		}
		if len(lacking) > 0 {
			if err := r.addOptions(ctx, f.Name, p.Options, lacking); err != nil {
				return err
			}
		}
	}
	return r.addProperties(ctx, missing)
}

// checkTypes refuses properties whose type people, or an older program under
// the same name, made different from what a gift's value needs.
func checkTypes(have map[string]hubspot.Property) error {
	var wrong []string
	for _, f := range plan.Fields() {
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

// checkArchived refuses to create properties of which an archived one would
// come back with another type.
func (r *run) checkArchived(ctx context.Context, missing []hubspot.Property) error {
	if r.made {
		return nil
	}
	archived, err := r.CRM.ArchivedProperties(ctx, r.object.TypeID)
	if err != nil {
		return fmt.Errorf("reading the archived properties: %w", err)
	}
	back := make(map[string]hubspot.Property)
	for _, p := range archived {
		if slices.ContainsFunc(missing, func(m hubspot.Property) bool { return m.Name == p.Name }) {
			back[p.Name] = p
		}
	}
	return checkTypes(back)
}

func (r *run) ensureGroup(ctx context.Context) error {
	groups, err := r.CRM.PropertyGroups(ctx, r.object.TypeID)
	if err != nil {
		return fmt.Errorf("reading the property groups: %w", err)
	}
	if slices.ContainsFunc(groups, func(g hubspot.PropertyGroup) bool { return g.Name == groupName }) {
		return nil
	}
	if r.req.DryRun {
		r.plans("property group " + groupName)
		return nil
	}
	if err := r.CRM.CreatePropertyGroup(ctx, r.object.TypeID, hubspot.PropertyGroup{Name: groupName, Label: groupLabel}); err != nil {
		return fmt.Errorf("adding the property group: %w", err)
	}
	return r.auditSchema("property group " + groupName)
}

func (r *run) intoGroup(ctx context.Context, name string) error {
	what := "property " + name + " to group " + groupName
	if r.req.DryRun {
		r.plans(what)
		return nil
	}
	if err := r.CRM.UpdateProperty(ctx, r.object.TypeID, name, hubspot.PropertyPatch{GroupName: groupName}); err != nil {
		return fmt.Errorf("moving property %s into our group: %w", name, err)
	}
	return r.auditSchema(what)
}

// addProperties creates missing properties and waits until they can be
// written. HubSpot restores an archived property of the same name, of
// whatever type it was, so the types are checked before and once more after.
func (r *run) addProperties(ctx context.Context, missing []hubspot.Property) error {
	if len(missing) == 0 {
		return nil
	}
	if err := r.checkArchived(ctx, missing); err != nil {
		return err
	}
	if r.req.DryRun {
		for _, p := range missing {
			r.plans("property " + p.Name)
		}
		return nil
	}
	refusals, err := r.CRM.CreateProperties(ctx, r.object.TypeID, missing)
	if err == nil {
		err = r.addPlain(ctx, missing, refusals)
	}
	var added []string
	var refused *Fatal
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
	if len(added) > 0 {
		if err := r.auditSchema(added...); err != nil {
			return err
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("adding properties: %w", err)
	case refused != nil:
		return refused
	}
	return r.await(ctx, missing)
}

// addPlain adds amounts as plain numbers that HubSpot refused as amounts of
// another property's currency, which not every account may know.
func (r *run) addPlain(ctx context.Context, missing []hubspot.Property, refusals []error) error {
	for i, p := range missing {
		if refusals[i] == nil || p.CurrencyPropertyName == "" {
			continue
		}
		p.NumberDisplayHint, p.CurrencyPropertyName = "formatted", ""
		again, err := r.CRM.CreateProperties(ctx, r.object.TypeID, []hubspot.Property{p})
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

// await waits until the new properties are readable, because a write that
// names one before that is refused.
func (r *run) await(ctx context.Context, added []hubspot.Property) error {
	deadline := time.Now().Add(visibleWithin)
	for wait := 250 * time.Millisecond; ; wait *= 2 {
		props, err := r.CRM.Properties(ctx, r.object.TypeID)
		if err != nil {
			return fmt.Errorf("reading the properties: %w", err)
		}
		have := make(map[string]hubspot.Property, len(props))
		for _, p := range props {
			have[p.Name] = p
		}
		if err := checkTypes(have); err != nil {
			return err
		}
		if !slices.ContainsFunc(added, func(p hubspot.Property) bool { _, ok := have[p.Name]; return !ok }) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("HubSpot does not show the new properties after %v; run again later", visibleWithin)
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// pause waits for d, or until the context ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
