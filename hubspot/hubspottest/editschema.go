package hubspottest

import "time"

// AddForeignSchema adds a custom object that another app made under this name,
// with these properties or a few default ones, and returns its type id. The
// first property is required and is the displayed one.
func (p *Portal) AddForeignSchema(name string, properties ...Property) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(properties) == 0 {
		properties = []Property{
			{Name: "thnk_name", Label: "Thnk Name", Type: "string", FieldType: "text"},
			{Name: "thnk_id", Label: "Thnk ID", Type: "string", FieldType: "text"},
			{Name: "status", Label: "Status", Type: "string", FieldType: "text"},
		}
	}
	first := []string{properties[0].Name}
	in := schemaBody{
		Name: name, Labels: labels{"Thnk", "Thnks"}, PrimaryDisplayProperty: first[0],
		SearchableProperties: first, RequiredProperties: first,
		AssociatedObjects: []string{"0-1", "0-2", "0-3"},
	}
	for _, q := range properties {
		d := definition{Name: q.Name, Label: q.Label, Type: q.Type, FieldType: q.FieldType, HasUniqueValue: q.Unique}
		for i, v := range q.Options {
			d.Options = append(d.Options, option{Label: v, Value: v, DisplayOrder: i})
		}
		in.Properties = append(in.Properties, d)
	}
	t, r := p.createSchema(in, time.Now())
	if r != nil {
		panic("hubspottest: AddForeignSchema: " + r.Message)
	}
	return t.id
}

// RequireOnly replaces the properties that a custom object's definition
// requires of new records.
func (p *Portal) RequireOnly(objectType string, properties ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.mustType(objectType)
	for _, name := range properties {
		p.mustProperty(t, name)
	}
	t.face.required = properties
}

// RetypeProperty gives a property another type and field type, as its editor
// does where the values allow.
func (p *Portal) RetypeProperty(objectType, name, typ, fieldType string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pr := p.mustProperty(p.mustType(objectType), name)
	pr.Type, pr.FieldType = typ, fieldType
}

// UndefineAssociation removes the association types between two object types,
// as another app may.
func (p *Portal) UndefineAssociation(from, to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kind := p.plain(p.mustType(from), p.mustType(to))
	p.undefine(pairKey{kind.from, kind.to})
}
