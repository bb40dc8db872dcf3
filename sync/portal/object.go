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

const (
	// KeyProperty identifies a record by its transaction.
	KeyProperty = "thnks_transaction_id"
	// DisplayProperty is what HubSpot shows as a record's name.
	DisplayProperty = "gift_name"
	// GroupName is the property group that marks the custom object as ours.
	GroupName  = "thnks_hubspot_sync"
	groupLabel = "Thnks"
	// listedWithin is how long a new object may be missing from the list.
	listedWithin = 2 * time.Minute
	// RecheckAfter is how long the object's definition is taken as known.
	RecheckAfter = 24 * time.Hour
)

// The memory's entries about the custom object.
const (
	objectEntry   = "object"   // Definition
	creatingEntry = "creating" // name of the custom object that is being created
)

// Schemas is what an [Object] asks of HubSpot.
type Schemas interface {
	Scopes(context.Context) ([]string, error)
	Schemas(context.Context) ([]hubspot.Schema, error)
	CreateSchema(context.Context, hubspot.NewSchema) (*hubspot.Schema, error)
	CreateAssociationDefinition(ctx context.Context, objectType, toTypeID, name string) error
	AssociationTypes(ctx context.Context, fromType, toType string) ([]hubspot.LabelledType, error)
	PropertyGroups(ctx context.Context, objectType string) ([]hubspot.PropertyGroup, error)
	CreatePropertyGroup(context.Context, string, hubspot.PropertyGroup) error
	Properties(ctx context.Context, objectType string) ([]hubspot.Property, error)
	ArchivedProperties(ctx context.Context, objectType string) ([]hubspot.Property, error)
	CreateProperties(ctx context.Context, objectType string, in []hubspot.Property) ([]error, error)
	UpdateProperty(ctx context.Context, objectType, name string, patch hubspot.PropertyPatch) error
}

// A Definition is what is known of the portal's custom object.
type Definition struct {
	TypeID   string                                `json:"type_id"`            // e.g. 2-123
	Links    map[plan.Kind]hubspot.AssociationType `json:"links"`              // association types from a gift
	Options  map[string][]string                   `json:"options"`            // values of the enumerations that grow
	Metadata []string                              `json:"metadata,omitempty"` // properties of the customer that it has
	Checked  time.Time                             `json:"checked"`            // when it was read; zero while it is being created
}

// An Object is the portal's custom object.
type Object struct {
	conn    *Connection
	session Session
	schemas door[Schemas]
	editor  editor

	def       *Definition // once found
	reread    bool        // whatever was recorded
	created   bool        // in this run
	seen      bool        // in HubSpot, in this run
	additions []string    // to the definition, for the report
}

// Find makes the custom object known: as it was recorded, where that is fresh
// enough, and otherwise found in HubSpot, created, or completed. It fails
// before any write where the object is not ours or has been changed so that a
// gift does not fit.
func (o *Object) Find(ctx context.Context) error {
	if o.def != nil {
		return nil
	}
	var known Definition
	recorded, err := o.session.Memory.Recall(objectEntry, &known)
	if err != nil {
		return err
	}
	if recorded && !o.reread && !o.olderThan(known.Checked, RecheckAfter) && o.suffices(known) {
		o.def = &known
		return nil
	}
	client, err := o.schemas.enter(ctx)
	if err != nil {
		return err
	}
	schema, err := o.pickListed(ctx, client, recorded, known)
	if err != nil {
		return err
	}
	if schema == nil {
		if err := o.checkScopes(ctx, client); err != nil {
			return err
		}
		if schema, err = o.create(ctx, client); err != nil {
			return err
		}
		if schema == nil { // a dry run
			o.def = &Definition{}
			return nil
		}
		o.created = true
	}
	o.def, o.seen = &Definition{TypeID: schema.ObjectTypeID, Checked: o.session.Started}, true
	if !recorded {
		// Ours from here on, even if the rest of this fails.
		if err := o.session.Memory.Remember(objectEntry, Definition{TypeID: schema.ObjectTypeID}); err != nil {
			return err
		}
	}
	return o.complete(ctx, client, schema)
}

// suffices reports whether a definition has the properties that the portal's
// settings name, and the types of the links that the scopes allow: some may have been
// withheld when it was read.
func (o *Object) suffices(known Definition) bool {
	lacksProperty := slices.ContainsFunc(o.conn.cfg.Metadata, func(name string) bool { return !slices.Contains(known.Metadata, name) })
	lacksLink := len(known.Links) > 0 && slices.ContainsFunc(plan.Kinds(), func(kind plan.Kind) bool {
		_, ok := known.Links[kind]
		return !ok && !o.session.withheld[kind]
	})
	return !lacksProperty && !lacksLink
}

// Complement adds what gifts need by the portal's settings and the recorded
// definition lacks. Without such, or before anything is recorded, it makes no call.
func (o *Object) Complement(ctx context.Context) error {
	known, recorded, err := o.Recorded()
	if err != nil || !recorded || o.suffices(known) {
		return err
	}
	return o.Find(ctx)
}

// Reread makes [Object.Find] read the definition whatever was recorded of it.
func (o *Object) Reread() { o.reread = true }

// complete adds what the object's definition lacks and remembers it.
func (o *Object) complete(ctx context.Context, client Schemas, schema *hubspot.Schema) error {
	d := definer{o, client}
	if err := d.completeProperties(ctx, schema); err != nil {
		return err
	}
	if err := d.findLinkTypes(ctx, schema); err != nil {
		return err
	}
	return o.session.Memory.Remember(objectEntry, o.def)
}

// olderThan reports whether something done then is due again after d. A stamp
// from the future is a clock's mistake and puts nothing off.
func (o *Object) olderThan(then time.Time, d time.Duration) bool {
	since := o.session.Started.Sub(then)
	return since >= d || since < 0
}

// UseRecorded takes the definition as the last run left it, however old, and
// reports whether there is one, and whether it has all that gifts may need. Only
// then can records be written with it.
func (o *Object) UseRecorded() (recorded, complete bool, err error) {
	var known Definition
	if _, err := o.session.Memory.Recall(objectEntry, &known); err != nil || len(known.Links) == 0 {
		return false, false, err
	}
	o.def = &known
	return true, o.suffices(known), nil
}

// Recorded returns the definition as the last run left it, and whether there is
// one.
func (o *Object) Recorded() (Definition, bool, error) {
	var known Definition
	recorded, err := o.session.Memory.Recall(objectEntry, &known)
	return known, recorded, err
}

// TypeID is HubSpot's id of the object, "" before [Object.Find], and in a dry
// run where the object does not exist yet.
func (o *Object) TypeID() string {
	if o.def == nil {
		return ""
	}
	return o.def.TypeID
}

// Created reports whether this run created the object, so that no record can
// be in it.
func (o *Object) Created() bool { return o.created }

// SchemaChanges are the additions to the definition that a dry run would make,
// or that [Object.Adopt] made.
func (o *Object) SchemaChanges() []string { return o.additions }

// Exists checks, at most once a run, that the custom object is still there
// after HubSpot has refused something: a missing object must not be blamed on
// records or events. It does nothing before [Object.Find].
func (o *Object) Exists(ctx context.Context) error {
	if o.def == nil || o.seen || o.def.TypeID == "" || !o.olderThan(o.def.Checked, listedWithin) {
		return nil
	}
	client, err := o.schemas.enter(ctx)
	if err != nil {
		return err
	}
	schemas, err := client.Schemas(ctx)
	if err != nil {
		return fmt.Errorf("looking whether the custom object is still there: %w", err)
	}
	_, err = o.pick(schemas, o.def.TypeID)
	o.seen = err == nil
	return err
}

// RecheckLater makes the next run read the definition again: a refusal may be
// caused by a property that was changed in HubSpot.
func (o *Object) RecheckLater() error {
	if o.TypeID() == "" {
		return nil
	}
	o.def.Checked = o.session.Started.Add(-RecheckAfter)
	return o.session.Memory.Remember(objectEntry, o.def)
}

// pickListed is pick among the account's schemas. If the run that created the
// object crashed, the list may not show it yet: then it is asked again for two
// minutes.
func (o *Object) pickListed(ctx context.Context, client Schemas, recorded bool, known Definition) (*hubspot.Schema, error) {
	begun := time.Now()
	for {
		schemas, err := client.Schemas(ctx)
		if err != nil {
			return nil, err
		}
		schema, err := o.pick(schemas, known.TypeID)
		unlisted := recorded && known.Checked.IsZero() && schema == nil && err != nil
		if !unlisted || time.Since(begun) >= listedWithin {
			return schema, err
		}
		if err := o.session.pause(ctx, 5*time.Second); err != nil {
			return nil, err
		}
	}
}

// Pick returns our schema among the portal's, or nil when there is none yet. It
// returns the schema together with an error where the schema is ours but has
// lost what everything rests on.
func (o *Object) Pick(schemas []hubspot.Schema) (*hubspot.Schema, error) {
	known, _, err := o.Recorded()
	if err != nil {
		return nil, err
	}
	return o.pick(schemas, known.TypeID)
}

func (o *Object) pick(schemas []hubspot.Schema, typeID string) (*hubspot.Schema, error) {
	if typeID != "" {
		for i := range schemas {
			if schemas[i].ObjectTypeID == typeID {
				return &schemas[i], checkKey(&schemas[i])
			}
		}
		return nil, &Fatal{
			What:   "the custom object " + typeID + " is no longer in HubSpot",
			Remedy: "restore it in HubSpot; or, to start over with a new one, stop the service, move the portal's state file aside and run `sync --backfill`. It is not created again by itself",
		}
	}
	names := o.conn.cfg.Object
	for i := range schemas {
		s := &schemas[i]
		if !strings.EqualFold(s.Name, names.Name) {
			continue
		}
		var creating string
		if _, err := o.session.Memory.Recall(creatingEntry, &creating); err != nil {
			return nil, err
		}
		key := property(s, KeyProperty)
		marked := key != nil && key.GroupName == GroupName
		begun := creating == names.Name && key != nil // by a run of ours that crashed
		if !marked && !begun {
			return nil, &Fatal{
				What:   fmt.Sprintf("the account already has a custom object %q that this program did not make", s.Name),
				Remedy: "choose another name in portals[].hubspot.object; or take it over: `check --adopt " + s.ObjectTypeID + " --portal " + o.conn.cfg.Name + "`. Nothing was written",
			}
		}
		return s, checkKey(s)
	}
	return nil, nil
}

// checkKey checks that the object still has the unique property.
func checkKey(s *hubspot.Schema) error {
	key := property(s, KeyProperty)
	if key == nil || !key.HasUniqueValue {
		return &Fatal{
			What:   "the custom object's property " + KeyProperty + " is missing or no longer unique",
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

// create creates the custom object with the properties that its definition
// refers to; the rest follow in completeProperties. HubSpot answers 201 for a
// name that exists, with the definition that has it, so the answer is checked.
// A dry run gets no schema.
func (o *Object) create(ctx context.Context, client Schemas) (*hubspot.Schema, error) {
	names := o.conn.cfg.Object
	var schema *hubspot.Schema
	note := fmt.Sprintf("create custom object %s with %d properties", names.Name, len(plan.Fields(o.conn.cfg.Metadata...)))
	_, err := o.editor.edit([]string{note}, func() ([]string, error) {
		if err := o.session.Memory.Remember(creatingEntry, names.Name); err != nil {
			return nil, err
		}
		var err error
		schema, err = client.CreateSchema(ctx, o.newSchema())
		if IsRefused(err) {
			return nil, &Fatal{
				What:   "HubSpot refuses to make the custom object " + names.Name,
				Remedy: "an account has room for a limited number of custom objects, and each name and label once: make room, or choose another portals[].hubspot.object, then run again",
				Err:    err,
			}
		}
		if err != nil {
			return nil, fmt.Errorf("creating the custom object: %w", err)
		}
		if err := checkKey(schema); err != nil {
			return nil, err
		}
		o.session.Log.Info("custom object created", "object", schema.ObjectTypeID, "name", names.Name)
		return []string{"custom object " + names.Name}, nil
	})
	return schema, err
}

// newSchema is the definition that the object is created with.
func (o *Object) newSchema() hubspot.NewSchema {
	names := o.conn.cfg.Object
	def := hubspot.NewSchema{
		Name:                   names.Name,
		Labels:                 hubspot.Labels{Singular: names.Singular, Plural: names.Plural},
		Description:            "Thnks sent by this organisation, kept up to date by thnks-hubspot-sync.",
		PrimaryDisplayProperty: DisplayProperty,
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
		if f.Required || f.Searchable || f.Name == DisplayProperty {
			p := definition(f)
			p.GroupName = "" // the group can be made only once the object is there
			def.Properties = append(def.Properties, p)
		}
	}
	return def
}
