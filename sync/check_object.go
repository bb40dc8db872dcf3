package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// nextLook says when a run mends a definition by itself.
const nextLook = "nothing: a run adds them when it next looks at the definition, once a day; or at once: `sync --backfill`"

// definition examines the custom object, as far as there is one and it is
// ours.
func (x *examination) definition(ctx context.Context, schemas []hubspot.Schema) {
	rest := []string{checkUnique, checkProperties, checkAssociations}
	var known object
	recorded, err := recall(x.Journal, metaObject, &known)
	if err != nil {
		x.trouble(ctx, checkObject, err)
		x.skip("the custom object is not known", rest...)
		return
	}
	schema, err := x.pick(schemas, known.TypeID)
	switch {
	case schema != nil:
	case recorded && known.Checked.IsZero() && err != nil:
		x.find(checkObject, Warn, "a run has begun to create "+known.TypeID+", and HubSpot does not list it yet", "nothing, if it is listed when you check again in some minutes; the next run goes on with it")
		x.skip("HubSpot does not list the custom object yet", rest...)
		return
	case err != nil:
		x.trouble(ctx, checkObject, err)
		x.skip("there is no custom object of ours", rest...)
		return
	default:
		for _, check := range append([]string{checkObject}, rest...) {
			x.ok(check, "not there yet: the first run creates the custom object %q", x.Object.Name)
		}
		return
	}
	x.object = &object{TypeID: schema.ObjectTypeID}
	x.face(schema)
	if err != nil {
		x.trouble(ctx, checkUnique, err)
	} else {
		x.ok(checkUnique, "%s", keyProperty)
	}
	x.properties(ctx, schema)
	x.associations(ctx, schema, known)
}

// face examines what the definition says beside its properties.
func (x *examination) face(s *hubspot.Schema) {
	name := fmt.Sprintf("%s (%s)", s.ObjectTypeID, s.Name)
	if foreign := foreignRequired(s); len(foreign) > 0 {
		x.find(checkObject, Fail, name+" requires properties of every new record that no gift has: "+strings.Join(foreign, ", "),
			"make them optional in HubSpot (Settings → Data management → Objects → "+s.Labels.Plural+"); until then HubSpot refuses new gifts")
		return
	}
	var odd, unsearchable []string
	if s.PrimaryDisplayProperty != displayProperty {
		odd = append(odd, fmt.Sprintf("records are shown by %s, not %s", s.PrimaryDisplayProperty, displayProperty))
	}
	for _, f := range plan.Fields() {
		if f.Searchable && !slices.Contains(s.SearchableProperties, f.Name) {
			unsearchable = append(unsearchable, f.Name)
		}
		if f.Required && !slices.Contains(s.RequiredProperties, f.Name) {
			odd = append(odd, f.Name+" is not required of records that people add")
		}
	}
	if len(unsearchable) > 0 {
		odd = append(odd, "not searchable: "+strings.Join(unsearchable, ", "))
	}
	if len(odd) > 0 {
		x.find(checkObject, Warn, name+": "+strings.Join(odd, "; "), "change it in HubSpot (Settings → Data management → Objects → "+s.Labels.Plural+") if people miss it; the sync does not need it")
		return
	}
	x.ok(checkObject, "%s, as this program made it", name)
}

// foreignRequired returns the properties that the object requires and a gift
// does not have.
func foreignRequired(s *hubspot.Schema) []string {
	return slices.DeleteFunc(slices.Clone(s.RequiredProperties), func(name string) bool { return name == keyProperty })
}

// properties examines the properties of the table.
func (x *examination) properties(ctx context.Context, s *hubspot.Schema) {
	have := living(s.Properties)
	if err := checkTypes(have); err != nil {
		x.trouble(ctx, checkProperties, err)
		return
	}
	var missing, shown []string
	for _, f := range plan.Fields() {
		p, ok := have[f.Name]
		if !ok {
			missing = append(missing, f.Name)
			continue
		}
		if p.FieldType != f.FieldType {
			shown = append(shown, fmt.Sprintf("%s (%s instead of %s)", f.Name, p.FieldType, f.FieldType))
		}
		for _, o := range f.Options {
			if !slices.ContainsFunc(p.Options, func(q hubspot.Option) bool { return q.Value == o.Value }) {
				missing = append(missing, f.Name+" = "+o.Value)
			}
		}
	}
	switch {
	case len(missing) > 0:
		x.find(checkProperties, Warn, "missing: "+strings.Join(missing, ", "), nextLook)
	case len(shown) > 0:
		x.find(checkProperties, Warn, "edited in another way than they were made: "+strings.Join(shown, ", "), "change the field type back in HubSpot, unless it is meant")
	default:
		x.ok(checkProperties, "all %d are there and of the right types", len(plan.Fields()))
	}
}

// living are the properties that are not deleted, by name.
func living(props []hubspot.Property) map[string]hubspot.Property {
	have := make(map[string]hubspot.Property, len(props))
	for _, p := range props {
		if !p.Archived {
			have[p.Name] = p
		}
	}
	return have
}

// associations examines the association types that links are made with.
func (x *examination) associations(ctx context.Context, s *hubspot.Schema, known object) {
	var missing, moved []string
	for _, kind := range linkKinds {
		t, err := x.linkType(ctx, s, kind)
		was, recorded := known.Links[kind]
		switch {
		case errors.Is(err, errNoLinkType):
			missing = append(missing, linkTypes[kind])
		case err != nil:
			x.trouble(ctx, checkAssociations, err)
			return
		case recorded && was != t:
			moved = append(moved, linkTypes[kind])
		}
	}
	switch {
	case len(missing) > 0:
		x.find(checkAssociations, Warn, "missing: to "+strings.Join(missing, ", to "), nextLook)
	case len(moved) > 0:
		x.find(checkAssociations, Warn, "made anew by somebody: to "+strings.Join(moved, ", to "), "nothing: a run learns them when it next looks at the definition, once a day; or at once: `sync --backfill`")
	default:
		x.ok(checkAssociations, "to contacts, companies, deals")
	}
}

// dealLabel examines whether the configured label between contacts and deals
// exists.
func (x *examination) dealLabel(ctx context.Context) {
	if x.Rules.DealLabel == "" {
		return
	}
	if err := x.people.learnLabel(ctx); err != nil {
		x.trouble(ctx, checkDealLabel, err)
		return
	}
	x.ok(checkDealLabel, "%q", x.Rules.DealLabel)
}
