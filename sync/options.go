package sync

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// addOptions adds choices to an enumeration. HubSpot replaces the whole list,
// so the present one goes along. Labels are unique in it: where people gave an
// option of their own the label of ours, ours has its value beside it.
func (r *run) addOptions(ctx context.Context, name string, present []hubspot.Option, add []plan.Option) error {
	options := slices.Clone(present)
	var values []string
	for _, o := range add {
		if slices.ContainsFunc(present, func(p hubspot.Option) bool { return strings.EqualFold(p.Label, o.Label) }) {
			o.Label = fmt.Sprintf("%s (%s)", o.Label, o.Value)
		}
		options = append(options, option(o, len(options)))
		values = append(values, o.Value)
	}
	what := fmt.Sprintf("option %s = %s", name, strings.Join(values, ", "))
	if r.req.DryRun {
		r.plans(what)
		return nil
	}
	err := r.CRM.UpdateProperty(ctx, r.object.TypeID, name, hubspot.PropertyPatch{Options: options})
	if refused(err) {
		return &Fatal{
			What:   "HubSpot refuses " + what,
			Remedy: "look at the property's options in HubSpot (Settings → Properties), add the missing one there or remove what is in its way, then run again",
			Err:    err,
		}
	}
	if err != nil {
		return fmt.Errorf("adding %s: %w", what, err)
	}
	r.log.Info("property options added", "property", name, "options", strings.Join(values, ","))
	return r.auditSchema(what)
}

// growOptions adds the options that the changes need and the enumerations do
// not have yet: a currency seen for the first time. HubSpot takes whole lists,
// so a run and the events beside it add to them one at a time.
func (r *run) growOptions(ctx context.Context, changes []plan.Change) error {
	select {
	case r.defining <- struct{}{}:
		defer func() { <-r.defining }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, f := range plan.Fields() {
		if !f.Grows {
			continue
		}
		var lacking []plan.Option
		known := r.object.Options[f.Name]
		for _, c := range changes {
			if v := c.Properties[f.Name]; v != "" && !slices.Contains(known, v) {
				known = append(known, v)
				lacking = append(lacking, plan.Option{Value: v, Label: v})
			}
		}
		if len(lacking) == 0 {
			continue
		}
		if r.object.TypeID != "" {
			props, err := r.CRM.Properties(ctx, r.object.TypeID)
			if err != nil {
				return fmt.Errorf("reading the properties: %w", err)
			}
			i := slices.IndexFunc(props, func(p hubspot.Property) bool { return p.Name == f.Name })
			var present []hubspot.Option
			switch {
			case i >= 0:
				present = props[i].Options
			case !r.planned("property " + f.Name): // by a dry run
				return &Fatal{
					What:   "the custom object has lost its property " + f.Name,
					Remedy: "restore it in HubSpot, or run `sync --backfill`, which adds missing properties",
				}
			}
			lacking = slices.DeleteFunc(lacking, func(o plan.Option) bool {
				return slices.ContainsFunc(present, func(p hubspot.Option) bool { return p.Value == o.Value })
			})
			if len(lacking) > 0 {
				if err := r.addOptions(ctx, f.Name, present, lacking); err != nil {
					return err
				}
			}
		}
		if r.object.Options == nil {
			r.object.Options = make(map[string][]string)
		}
		r.object.Options[f.Name] = known
		if err := r.remember(metaObject, r.object); err != nil {
			return err
		}
	}
	return nil
}

// learnStages reads the deal pipelines, once a run at most, when a link is
// about to be made at a stage whose label is not known yet.
func (r *run) learnStages(ctx context.Context, changes []plan.Change) error {
	if r.staged {
		return nil
	}
	known := make(map[string]string)
	if _, err := recall(r.Journal, metaStages, &known); err != nil {
		return err
	}
	if !slices.ContainsFunc(changes, func(c plan.Change) bool {
		return slices.ContainsFunc(c.Links, func(l plan.Link) bool { return l.Stage != "" && known[l.Stage] == "" })
	}) {
		return nil
	}
	r.staged = true
	pipelines, err := r.CRM.Pipelines(ctx, "deals")
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
	return r.remember(metaStages, known)
}
