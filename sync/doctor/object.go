package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// nextLook says when a run fixes a definition by itself.
const nextLook = "nothing: a run adds them when it next looks at the definition, once a day; or at once: `sync --backfill`"

// examineObject examines the custom object, as far as there is one and it is
// ours.
func (x *examination) examineObject(ctx context.Context, schemas []hubspot.Schema) {
	rest := []string{checkUnique, checkProperties, checkAssociations}
	known, recorded, err := x.portal.Object.Recorded()
	if err != nil {
		x.reportError(ctx, checkObject, err)
		x.skipped("the custom object is not known", rest...)
		return
	}
	schema, err := x.portal.Object.Pick(schemas)
	switch {
	case schema != nil:
	case recorded && known.Checked.IsZero() && err != nil:
		x.report(checkObject, Warn, "a run has begun to create "+known.TypeID+", and HubSpot does not list it yet", "nothing, if it is listed when you check again in some minutes; the next run goes on with it")
		x.skipped("HubSpot does not list the custom object yet", rest...)
		return
	case err != nil:
		x.reportError(ctx, checkObject, err)
		x.skipped("there is no custom object of ours", rest...)
		return
	default:
		for _, check := range append([]string{checkObject}, rest...) {
			x.ok(check, "not there yet: the first run creates the custom object %q", x.cfg.Object.Name)
		}
		return
	}
	x.typeID = schema.ObjectTypeID
	x.examineSettings(schema)
	if err != nil {
		x.reportError(ctx, checkUnique, err)
	} else {
		x.ok(checkUnique, "%s", portal.KeyProperty)
	}
	x.examineProperties(ctx, schema)
	x.examineAssociations(ctx, schema, known)
	x.examineNewRecords(ctx, schema)
}

// examineNewRecords examines whether HubSpot has refused a new record for having
// no contact.
func (x *examination) examineNewRecords(ctx context.Context, s *hubspot.Schema) {
	since, err := x.portal.Records.ContactRequired()
	switch {
	case err != nil:
		x.reportError(ctx, checkNewRecords, err)
	case !since.IsZero():
		x.report(checkNewRecords, Warn, "HubSpot requires a contact of new records, which it has since "+since.Format(time.DateOnly)+" at the latest: gifts whose recipient is no contact wait in quarantine ("+giftsync.ClassNeedsContact+")",
			"make that association optional in HubSpot (Settings → Data management → Objects → "+s.Labels.Plural+", the form that creates records), then `quarantine retry`; otherwise nothing: each is created within a day of its contact")
	}
}

// examineSettings examines the definition but for its properties.
func (x *examination) examineSettings(s *hubspot.Schema) {
	name := fmt.Sprintf("%s (%s)", s.ObjectTypeID, s.Name)
	if foreign := portal.ForeignRequired(s); len(foreign) > 0 {
		x.report(checkObject, Fail, name+" requires properties of every new record that no gift has: "+strings.Join(foreign, ", "),
			"make them optional in HubSpot (Settings → Data management → Objects → "+s.Labels.Plural+"); until then HubSpot refuses new gifts")
		return
	}
	var odd, unsearchable []string
	if s.PrimaryDisplayProperty != portal.DisplayProperty {
		odd = append(odd, fmt.Sprintf("records are shown by %s, not %s", s.PrimaryDisplayProperty, portal.DisplayProperty))
	}
	for _, f := range plan.Fields() {
		if f.Searchable && !slices.Contains(s.SearchableProperties, f.Name) {
			unsearchable = append(unsearchable, f.Name)
		}
		if f.Required && !slices.Contains(s.RequiredProperties, f.Name) {
			odd = append(odd, f.Name+" is not required of records that users add")
		}
	}
	if len(unsearchable) > 0 {
		odd = append(odd, "not searchable: "+strings.Join(unsearchable, ", "))
	}
	if len(odd) > 0 {
		x.report(checkObject, Warn, name+": "+strings.Join(odd, "; "), "change it in HubSpot (Settings → Data management → Objects → "+s.Labels.Plural+") if users miss it; the sync does not need it")
		return
	}
	x.ok(checkObject, "%s, as this program made it", name)
}

// examineProperties examines the properties of the table.
func (x *examination) examineProperties(ctx context.Context, s *hubspot.Schema) {
	have := portal.ActiveProperties(s.Properties)
	if err := portal.CheckTypes(have, x.cfg.Metadata); err != nil {
		x.reportError(ctx, checkProperties, err)
		return
	}
	var missing, shown []string
	for _, f := range plan.Fields(x.cfg.Metadata...) {
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
		x.report(checkProperties, Warn, "missing: "+strings.Join(missing, ", "), nextLook)
	case len(shown) > 0:
		x.report(checkProperties, Warn, "edited in another way than they were made: "+strings.Join(shown, ", "), "change the field type back in HubSpot, unless it is meant")
	default:
		x.ok(checkProperties, "all %d are there and of the right types", len(plan.Fields(x.cfg.Metadata...)))
	}
}

// examineAssociations examines the association types that links are made with.
func (x *examination) examineAssociations(ctx context.Context, s *hubspot.Schema, known portal.Definition) {
	var missing, moved []string
	for _, kind := range plan.Kinds() {
		if x.lost[kind] {
			continue
		}
		t, err := x.portal.Object.LinkType(ctx, s, kind)
		was, recorded := known.Links[kind]
		switch {
		case errors.Is(err, portal.ErrNoLinkType):
			missing = append(missing, portal.ObjectTypes[kind])
		case err != nil:
			x.reportError(ctx, checkAssociations, err)
			return
		case recorded && was != t:
			moved = append(moved, portal.ObjectTypes[kind])
		}
	}
	switch {
	case len(missing) > 0:
		x.report(checkAssociations, Warn, "missing: to "+strings.Join(missing, ", to "), nextLook)
	case len(moved) > 0:
		x.report(checkAssociations, Warn, "made anew in HubSpot: to "+strings.Join(moved, ", to "), "nothing: a run learns them when it next looks at the definition, once a day; or at once: `sync --backfill`")
	default:
		var to []string
		for _, kind := range plan.Kinds() {
			if !x.lost[kind] {
				to = append(to, portal.ObjectTypes[kind])
			}
		}
		x.ok(checkAssociations, "to %s", strings.Join(to, ", "))
	}
}

// examineDealLabel examines whether the configured label between contacts and deals
// exists.
func (x *examination) examineDealLabel(ctx context.Context) {
	if x.cfg.Links.DealLabel == "" {
		return
	}
	if x.lost[plan.Deal] {
		x.skipped("the token may not read deals", checkDealLabel)
		return
	}
	if err := x.portal.Directory.LearnDealLabel(ctx); err != nil {
		x.reportError(ctx, checkDealLabel, err)
		return
	}
	x.ok(checkDealLabel, "%q", x.cfg.Links.DealLabel)
}
