package hubspottest

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// A definition is a property as requests and answers spell it.
// https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
type definition struct {
	Name                 string   `json:"name"`
	Label                string   `json:"label"`
	Type                 string   `json:"type"`
	FieldType            string   `json:"fieldType"`
	GroupName            string   `json:"groupName"`
	Description          string   `json:"description"`
	DisplayOrder         int      `json:"displayOrder"`
	HasUniqueValue       bool     `json:"hasUniqueValue"`
	Hidden               bool     `json:"hidden"`
	FormField            bool     `json:"formField"`
	NumberDisplayHint    string   `json:"numberDisplayHint,omitempty"`
	TextDisplayHint      string   `json:"textDisplayHint,omitempty"`
	ShowCurrencySymbol   bool     `json:"showCurrencySymbol,omitempty"`
	CurrencyPropertyName string   `json:"currencyPropertyName,omitempty"`
	Options              []option `json:"options"`
}

// An option is one value of an enumeration.
type option struct {
	Label        string `json:"label"`
	Value        string `json:"value"`
	Description  string `json:"description,omitempty"`
	DisplayOrder int    `json:"displayOrder"`
	Hidden       bool   `json:"hidden"`

	incomplete bool // a request left out what it has to say
}

// UnmarshalJSON reads an option of a request and notes whether it says all
// that it must, zero or not.
func (o *option) UnmarshalJSON(b []byte) error {
	var in struct {
		Label, Value, Description string
		DisplayOrder              *int
		Hidden                    *bool
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*o = option{Label: in.Label, Value: in.Value, Description: in.Description, incomplete: in.DisplayOrder == nil || in.Hidden == nil}
	assign(&o.DisplayOrder, in.DisplayOrder)
	assign(&o.Hidden, in.Hidden)
	return nil
}

type propertyGroup struct {
	Name         string `json:"name"`
	Label        string `json:"label"`
	DisplayOrder int    `json:"displayOrder"`
	Archived     bool   `json:"archived"`
}

// A property is a definition and its place in the records.
type property struct {
	definition
	slot         int
	ReadOnly     bool
	Calculated   bool
	hubspot      bool // HubSpot's own
	archived     bool
	created      time.Time
	updated      time.Time
	visibleFrom  time.Time
	email, stage bool // validated as an e-mail address, a deal stage
	many         bool // several values joined with ";", each unique
	compute      func(*Portal, *record, packed) string
	lags         bool // computed some time after what it depends on

	index         map[string]*record // unique properties: value → the record that holds it
	archivedIndex map[string]*record // value → an archived record that has it
}

func (t *objectType) addProperty(d definition, hubspot bool) *property {
	now := time.Now()
	pr := &property{definition: d, slot: len(t.slots), hubspot: hubspot, created: now, updated: now}
	if pr.GroupName == "" {
		pr.GroupName = t.groups[0].Name
	}
	if pr.HasUniqueValue {
		pr.makeUnique()
	}
	t.slots = append(t.slots, pr)
	t.properties[d.Name] = pr
	return pr
}

func (pr *property) makeUnique() {
	pr.index, pr.archivedIndex = make(map[string]*record), make(map[string]*record)
}

// visible returns the property if calls made now know it.
func (t *objectType) visible(name string, now time.Time) *property {
	pr := t.properties[name]
	if pr == nil || pr.archived || now.Before(pr.visibleFrom) {
		return nil
	}
	return pr
}

var (
	propertyName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)
	fieldTypes   = map[string][]string{
		"bool":         {"booleancheckbox"},
		"enumeration":  {"select", "radio", "checkbox", "booleancheckbox"},
		"date":         {"date"},
		"datetime":     {"date"},
		"string":       {"text", "textarea", "html", "file", "phonenumber"},
		"number":       {"number"},
		"phone_number": {"phonenumber"},
	}
	numberHints = []string{"", "currency", "duration", "formatted", "percentage", "probability", "unformatted"}
	textHints   = []string{"", "domain_name", "email", "ip_address", "multi_line", "phone_number", "physical_address", "postal_code", "unformatted_single_line"}
)

// checkDefinition refuses what HubSpot would. needGroup is false inside a
// schema body.
func (t *objectType) checkDefinition(d definition, needGroup bool) *refusal {
	group := slices.IndexFunc(t.groups, func(g propertyGroup) bool { return g.Name == d.GroupName && !g.Archived })
	switch {
	case !propertyName.MatchString(d.Name):
		return invalid("The property name '%s' is not valid: it must start with a letter and hold lower-case letters, digits and underscores only.", d.Name)
	case d.Label == "":
		return invalid("Invalid input JSON on line 1, column 2. Some required fields were not set: [label]")
	case !slices.Contains(fieldTypes[d.Type], d.FieldType):
		return invalid("Property type '%s' and field type '%s' do not go together.", d.Type, d.FieldType)
	case needGroup && d.GroupName == "":
		return invalid("Invalid input JSON on line 1, column 2. Some required fields were not set: [groupName]")
	case d.GroupName != "" && group < 0:
		return invalid("Property group '%s' does not exist.", d.GroupName)
	case !slices.Contains(numberHints, d.NumberDisplayHint) || d.NumberDisplayHint != "" && d.Type != "number":
		return invalid("'%s' is not a number display hint of a %s.", d.NumberDisplayHint, d.Type)
	case !slices.Contains(textHints, d.TextDisplayHint) || d.TextDisplayHint != "" && d.Type != "string":
		return invalid("'%s' is not a text display hint of a %s.", d.TextDisplayHint, d.Type)
	case d.HasUniqueValue && (d.Type == "enumeration" || d.Type == "bool"):
		return invalid("A property of type %s cannot have unique values.", d.Type)
	}
	return checkOptions(d.Options)
}

func checkOptions(opts []option) *refusal {
	labels, values := make(map[string]bool), make(map[string]bool)
	for _, o := range opts {
		if o.Label == "" || o.Value == "" || o.incomplete {
			return invalid("Property options need a label, a value, a displayOrder and a hidden.")
		}
		if labels[o.Label] || values[o.Value] {
			return invalid("Property options must be unique: '%s' stands twice.", o.Value)
		}
		labels[o.Label], values[o.Value] = true, true
	}
	return nil
}

// createProperty adds one property. A name archived earlier comes back as it
// was, whatever the request says.
func (p *Portal) createProperty(t *objectType, d definition, now time.Time) (*property, *refusal) {
	if r := t.checkDefinition(d, true); r != nil {
		return nil, r
	}
	if d.CurrencyPropertyName != "" && p.opt.NoCurrencyProperty {
		return nil, invalid("Property '%s' cannot have a currencyPropertyName.", d.Name)
	}
	if have := t.properties[d.Name]; have != nil {
		if !have.archived {
			return nil, conflict("Properties.PROPERTY_WITH_NAME_EXISTS", "A property named '%s' already exists.", d.Name)
		}
		have.archived, have.visibleFrom = false, now.Add(p.opt.PropertyLag)
		return have, nil
	}
	if r := p.propertyLimits(t, []definition{d}); r != nil {
		return nil, r
	}
	pr := t.addProperty(d, false)
	pr.visibleFrom = now.Add(p.opt.PropertyLag)
	return pr, nil
}

// propertyLimits refuses more properties than the plan allows.
func (p *Portal) propertyLimits(t *objectType, more []definition) *refusal {
	n, unique := len(more), 0
	for _, pr := range t.slots {
		if !pr.hubspot && !pr.archived {
			n++
		}
		if pr.HasUniqueValue && !pr.archived {
			unique++
		}
	}
	for _, d := range more {
		if d.HasUniqueValue {
			unique++
		}
	}
	switch {
	case n > p.opt.MaxCustomProperties:
		return invalid("The limit of %d custom properties for this object type is reached.", p.opt.MaxCustomProperties)
	case unique > 10:
		return invalid("An object type can have at most 10 properties with unique values.")
	}
	return nil
}

// wireProperty is a property in an answer.
type wireProperty struct {
	definition
	CreatedAt            string          `json:"createdAt"`
	UpdatedAt            string          `json:"updatedAt"`
	Archived             bool            `json:"archived"`
	Calculated           bool            `json:"calculated"`
	ExternalOptions      bool            `json:"externalOptions"`
	HubspotDefined       bool            `json:"hubspotDefined"`
	ModificationMetadata map[string]bool `json:"modificationMetadata"`
}

func (pr *property) wire() wireProperty {
	w := wireProperty{
		definition: pr.definition, Archived: pr.archived, Calculated: pr.Calculated, HubspotDefined: pr.hubspot,
		CreatedAt: isoMilli(pr.created.UnixMilli()), UpdatedAt: isoMilli(pr.updated.UnixMilli()),
		ModificationMetadata: map[string]bool{"archivable": !pr.hubspot, "readOnlyDefinition": pr.hubspot, "readOnlyValue": pr.ReadOnly},
	}
	w.Options = slices.Clone(pr.options())
	if w.Options == nil {
		w.Options = []option{}
	}
	return w
}

// options of a deal stage are those of all pipelines.
func (pr *property) options() []option {
	if !pr.stage {
		return pr.Options
	}
	var out []option
	for i, s := range allStages {
		out = append(out, option{Label: s.label, Value: s.id, DisplayOrder: i})
	}
	return out
}

func (t *objectType) wireProperties(archived bool, now time.Time) []wireProperty {
	out := []wireProperty{}
	for _, pr := range t.slots {
		if pr.archived == archived && !now.Before(pr.visibleFrom) {
			out = append(out, pr.wire())
		}
	}
	return out
}

// archiveProperty hides a property. One that the schema uses stays.
func (t *objectType) archiveProperty(pr *property) *refusal {
	f := t.face
	if pr.hubspot || pr.Name == f.primary || slices.Contains(f.required, pr.Name) {
		return &refusal{
			status: http.StatusBadRequest, Category: "VALIDATION_ERROR", SubCategory: "PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE",
			Message: "Property '" + pr.Name + "' is in use and cannot be deleted.",
		}
	}
	pr.archived = true
	return nil
}
