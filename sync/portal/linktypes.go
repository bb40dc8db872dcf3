package portal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// ErrNoLinkType says that a gift cannot be linked to records of a kind: the
// object's definition has no such association.
var ErrNoLinkType = errors.New("no association type")

// findLinkTypes learns the association types from a gift to the records it is
// linked to; they differ from account to account. A missing definition is
// added.
func (d definer) findLinkTypes(ctx context.Context, schema *hubspot.Schema) error {
	d.object.def.Links = make(map[plan.Kind]hubspot.AssociationType)
	for _, kind := range plan.Kinds() {
		if d.object.session.withheld[kind] {
			continue
		}
		t, err := d.linkType(ctx, schema, kind)
		if errors.Is(err, ErrNoLinkType) {
			var made bool
			if made, err = d.addLinkType(ctx, kind); err == nil && !made {
				continue
			}
			if err == nil {
				t, err = d.linkType(ctx, nil, kind)
			}
		}
		if err != nil {
			return err
		}
		d.object.def.Links[kind] = t
	}
	return nil
}

func (d definer) addLinkType(ctx context.Context, kind plan.Kind) (made bool, err error) {
	what := "association definition to " + ObjectTypes[kind]
	return d.object.editor.edit([]string{"add " + what}, func() ([]string, error) {
		name := d.object.conn.cfg.Object.Name + "_to_" + string(kind)
		if err := d.client.CreateAssociationDefinition(ctx, d.object.def.TypeID, typeIDs[kind], name); err != nil {
			return nil, fmt.Errorf("adding the %s: %w", what, err)
		}
		return []string{what}, nil
	})
}

// LinkType returns the unlabelled association type from a gift to records of a
// kind, and [ErrNoLinkType] where there is none.
func (o *Object) LinkType(ctx context.Context, schema *hubspot.Schema, kind plan.Kind) (hubspot.AssociationType, error) {
	client, err := o.schemas.enter(ctx)
	if err != nil {
		return hubspot.AssociationType{}, err
	}
	return definer{o, client}.linkType(ctx, schema, kind)
}

// linkType takes the type from the object's definition where there is but one;
// where users have added labels, each of which is a type of its own, HubSpot has
// to be asked which is which.
func (d definer) linkType(ctx context.Context, schema *hubspot.Schema, kind plan.Kind) (hubspot.AssociationType, error) {
	typeID := d.object.TypeID()
	var defined []int
	if schema != nil {
		typeID = schema.ObjectTypeID
		for _, a := range schema.Associations {
			if a.FromTypeID == schema.ObjectTypeID && a.ToTypeID == typeIDs[kind] {
				defined = append(defined, a.ID)
			}
		}
	}
	if len(defined) == 1 {
		return hubspot.AssociationType{Category: "USER_DEFINED", ID: defined[0]}, nil
	}
	types, err := d.client.AssociationTypes(ctx, typeID, ObjectTypes[kind])
	if schema != nil && defined == nil && KindIs(err, hubspot.Refused, hubspot.NotFound) {
		types, err = nil, nil // no pair of types that can be associated
	}
	if err != nil {
		return hubspot.AssociationType{}, fmt.Errorf("reading the association types to %s: %w", ObjectTypes[kind], err)
	}
	i := slices.IndexFunc(types, func(t hubspot.LabelledType) bool { return t.Label == "" })
	if i < 0 {
		return hubspot.AssociationType{}, fmt.Errorf("%w from the custom object to %s", ErrNoLinkType, ObjectTypes[kind])
	}
	return types[i].AssociationType, nil
}
