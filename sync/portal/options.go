package portal

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// addOptions adds choices to an enumeration. HubSpot replaces the whole list,
// so the present one is sent along. Labels are unique in it: where users gave
// an option of their own the label of ours, ours is labelled with its value, too.
func (d definer) addOptions(ctx context.Context, name string, present []hubspot.Option, add []plan.Option) error {
	options := slices.Clone(present)
	var values []string
	for _, opt := range add {
		if slices.ContainsFunc(present, func(p hubspot.Option) bool { return strings.EqualFold(p.Label, opt.Label) }) {
			opt.Label = fmt.Sprintf("%s (%s)", opt.Label, opt.Value)
		}
		options = append(options, option(opt, len(options)))
		values = append(values, opt.Value)
	}
	what := fmt.Sprintf("option %s = %s", name, strings.Join(values, ", "))
	_, err := d.object.editor.edit([]string{"add " + what}, func() ([]string, error) {
		err := d.client.UpdateProperty(ctx, d.object.def.TypeID, name, hubspot.PropertyPatch{Options: options})
		if IsRefused(err) {
			return nil, &Fatal{
				What:   "HubSpot refuses " + what,
				Remedy: "look at the property's options in HubSpot (Settings → Properties), add the missing one there or remove what is in its way, then run again",
				Err:    err,
			}
		}
		if err != nil {
			return nil, fmt.Errorf("adding %s: %w", what, err)
		}
		d.object.session.Log.Info("property options added", "property", name, "options", strings.Join(values, ","))
		return []string{what}, nil
	})
	return err
}

// Grow adds the options that the changes need and the enumerations do not have
// yet: a currency seen for the first time. HubSpot takes whole lists, so a run
// and the events processed at the same time add to them one after the other.
func (o *Object) Grow(ctx context.Context, changes []plan.Change) error {
	select {
	case o.conn.options <- struct{}{}:
		defer func() { <-o.conn.options }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, f := range plan.Fields() {
		if !f.Grows {
			continue
		}
		var absent []plan.Option
		known := o.def.Options[f.Name]
		for _, c := range changes {
			if v := c.Properties[f.Name]; v != "" && !slices.Contains(known, v) {
				known = append(known, v)
				absent = append(absent, plan.Option{Value: v, Label: v})
			}
		}
		if len(absent) == 0 {
			continue
		}
		if err := o.growOne(ctx, f.Name, absent); err != nil {
			return err
		}
		if o.def.Options == nil {
			o.def.Options = make(map[string][]string)
		}
		o.def.Options[f.Name] = known
		if err := o.session.Memory.Remember(objectEntry, o.def); err != nil {
			return err
		}
	}
	return nil
}

// growOne adds options to one enumeration, but for those that it has got since
// the definition was read.
func (o *Object) growOne(ctx context.Context, name string, absent []plan.Option) error {
	if o.def.TypeID == "" {
		return nil // a dry run would create the object
	}
	client, err := o.schemas.enter(ctx)
	if err != nil {
		return err
	}
	props, err := client.Properties(ctx, o.def.TypeID)
	if err != nil {
		return fmt.Errorf("reading the properties: %w", err)
	}
	i := slices.IndexFunc(props, func(p hubspot.Property) bool { return p.Name == name })
	var present []hubspot.Option
	switch {
	case i >= 0:
		present = props[i].Options
	case !o.noted("add property " + name): // by a dry run
		return &Fatal{
			What:   "the custom object has lost its property " + name,
			Remedy: "restore it in HubSpot, or run `sync --backfill`, which adds missing properties",
		}
	}
	absent = slices.DeleteFunc(absent, func(a plan.Option) bool {
		return slices.ContainsFunc(present, func(p hubspot.Option) bool { return p.Value == a.Value })
	})
	if len(absent) == 0 {
		return nil
	}
	return definer{o, client}.addOptions(ctx, name, present, absent)
}
