package hubspottest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A writeInput is one input of a create, update or upsert.
type writeInput struct {
	ID           value            `json:"id"`
	IDProperty   string           `json:"idProperty"`
	TraceID      string           `json:"objectWriteTraceId"`
	Properties   map[string]value `json:"properties"`
	Associations []inlineLink     `json:"associations"`
}

// An inlineLink is an association made together with the record.
type inlineLink struct {
	To    struct{ ID value } `json:"to"`
	Types []wireType         `json:"types"`
}

type wireType struct {
	Category string `json:"associationCategory"`
	ID       int    `json:"associationTypeId"`
}

// A staged write has passed every check and waits to be applied.
type staged struct {
	rec      *record // nil: to be created
	input    writeInput
	changes  []slotValue
	warnings []warning
	links    []stagedLink
	refused  *refusal // written all the same, answered as refused
	fresh    bool     // created by this call
}

type stagedLink struct {
	to   *record
	kind *linkType
}

// A rule is an administrator's rule on writes.
type rule struct {
	t        *objectType
	when     string // "": always, on create
	equals   string
	requires string
	linkedTo *objectType // required of new records, instead of a property; nil for none
}

// claims are what earlier inputs of the same batch will take.
type claims struct {
	values map[claim]*record // unique values
	links  map[linkEnd]int   // places among the associations of existing records
}

type claim struct {
	property *property
	value    string
}

// A linkEnd is a record and the unlabelled type of its associations.
type linkEnd struct {
	rec  *record
	kind *linkType
}

func newClaims() claims {
	return claims{values: make(map[claim]*record), links: make(map[linkEnd]int)}
}

// stage checks one input against the portal. rec is nil for a create.
func (c *call) stage(t *objectType, rec *record, in writeInput, taken claims, batch bool) (*staged, *refusal) {
	s := &staged{rec: rec, input: in}
	var problems []problem
	for _, name := range sortedKeys(in.Properties) {
		pr := t.visible(name, c.now)
		if pr == nil {
			problems = append(problems, problem{name, fmt.Sprintf("Property \"%s\" does not exist", name), "PROPERTY_DOESNT_EXIST"})
			continue
		}
		v, w, pb := c.checkValue(pr, string(in.Properties[name]))
		if pb != nil {
			problems = append(problems, *pb)
			continue
		}
		if w != nil {
			s.warnings = append(s.warnings, *w)
		}
		if rec != nil && pr.FieldType == "checkbox" && strings.HasPrefix(v, ";") {
			v = strings.TrimPrefix(rec.values.get(pr.slot)+v, ";")
		}
		s.changes = append(s.changes, slotValue{pr.slot, strings.TrimPrefix(v, ";")})
	}
	if len(problems) > 0 {
		return nil, c.notValid(problems)
	}
	if r := c.checkRules(t, s, batch); r != nil {
		return nil, r
	}
	if r := c.claim(t, s, taken); r != nil {
		return nil, r
	}
	if rec == nil {
		if t.custom && c.p.customRecords() >= c.p.opt.MaxCustomRecords {
			r := invalid("The limit of %d custom object records in this portal is reached.", c.p.opt.MaxCustomRecords)
			r.SubCategory = "PORTAL_WIDE_CUSTOM_OBJECT_LIMIT_EXCEEDED"
			return nil, r
		}
		if r := c.stageLinks(t, s, taken); r != nil {
			return s, r
		}
		return s, c.checkLinked(t, s, batch)
	}
	return s, nil
}

// checkLinked applies the administrator's rules on associations of new records.
// What HubSpot answers is not documented.
func (c *call) checkLinked(t *objectType, s *staged, batch bool) *refusal {
	if !c.validates() || batch && c.p.opt.BatchesSkipRules {
		return nil
	}
	for _, ru := range c.p.rules {
		linked := slices.ContainsFunc(s.links, func(l stagedLink) bool { return l.kind.to == ru.linkedTo })
		if ru.t == t && ru.linkedTo != nil && !linked {
			return invalid("An association with %s is required to create this record.", ru.linkedTo.upper)
		}
	}
	return nil
}

// checkRules applies the schema's required properties and, on 2026-09, the
// administrator's rules.
func (c *call) checkRules(t *objectType, s *staged, batch bool) *refusal {
	after := func(name string) string {
		pr := t.properties[name]
		if pr == nil {
			return ""
		}
		for _, ch := range s.changes {
			if ch.slot == pr.slot {
				return ch.value
			}
		}
		if s.rec == nil {
			return ""
		}
		return s.rec.values.get(pr.slot)
	}
	var missing []string
	for _, name := range t.face.required {
		if s.rec == nil && after(name) == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		r := invalid("Error creating %s. Some required properties were not set.", t.upper)
		r.Context = map[string][]string{"properties": missing}
		return r
	}
	if !c.validates() || batch && c.p.opt.BatchesSkipRules {
		return nil
	}
	for _, ru := range c.p.rules {
		if ru.t != t || ru.linkedTo != nil || after(ru.requires) != "" {
			continue
		}
		d := detail{Context: map[string][]string{"propertyName": {ru.requires}}}
		switch {
		case ru.when == "" && s.rec == nil:
			d.Message, d.Code = "A value for "+ru.requires+" must be provided", "MISSING_REQUIRED_PROPERTY"
		case ru.when != "" && after(ru.when) == ru.equals:
			d.Message, d.Code = ru.requires+" is required because of a conditional property rule based on ["+ru.when+"]", "MISSING_CONDITIONAL_REQUIRED_PROPERTY"
		default:
			continue
		}
		r := invalid("%s", d.Message)
		r.Errors, r.rule = []detail{d}, true
		return r
	}
	return nil
}

// claim refuses unique values that another record holds.
func (c *call) claim(t *objectType, s *staged, taken claims) *refusal {
	self := s.rec
	if self == nil {
		self = &record{id: c.p.nextID}
	}
	for _, ch := range s.changes {
		pr := t.slots[ch.slot]
		if pr.index == nil || ch.value == "" {
			continue
		}
		holder := pr.index[ch.value]
		if holder == nil && pr.email {
			holder = t.properties["hs_additional_emails"].index[ch.value]
		}
		if holder == nil {
			holder = taken.values[claim{pr, ch.value}]
		}
		switch {
		case holder == nil || holder == s.rec:
		case pr.email:
			return c.contactExists(holder)
		default:
			return invalid("Cannot set PropertyValueCoordinates{portalId=%d, objectTypeId=%s, propertyName=%s, value=%s} on %d. %d already has that value.",
				c.p.opt.ID, t.id, pr.Name, ch.value, self.id, holder.id)
		}
	}
	for _, ch := range s.changes {
		if pr := t.slots[ch.slot]; pr.index != nil && ch.value != "" {
			taken.values[claim{pr, ch.value}] = self
		}
	}
	return nil
}

func (c *call) contactExists(holder *record) *refusal {
	r := &refusal{status: http.StatusConflict, Category: "CONFLICT", Message: fmt.Sprintf("Contact already exists. Existing ID: %d", holder.id)}
	if !legacyVersion.MatchString(c.version) {
		r.Category, r.Error = "OBJECT_ALREADY_EXISTS", "CONTACT_EXISTS"
		r.Errors = []detail{{Message: r.Message, In: "email"}}
	}
	return r
}

// stageLinks checks the inline associations of a create.
func (c *call) stageLinks(t *objectType, s *staged, taken claims) *refusal {
	for _, l := range s.input.Associations {
		kinds, r := c.kinds(t, nil, l.Types)
		var to *record
		if r == nil {
			if to = kinds[0].to.find(string(l.To.ID)); to == nil || to.archived != 0 {
				r = notFound("No %s with ID %s exists to be associated.", kinds[0].to.upper, l.To.ID)
				r.status, r.Category = http.StatusBadRequest, "VALIDATION_ERROR"
			}
		}
		for i := 0; r == nil && i < len(kinds); i++ {
			if c.overLimit(s, to, kinds[i], taken) {
				r = c.linkLimit(kinds[i])
			}
		}
		switch {
		case r == nil:
			for _, k := range kinds {
				s.links = append(s.links, stagedLink{to, k})
			}
		case c.p.opt.InvalidLinks == RefuseRecord:
			return r
		case c.p.opt.InvalidLinks == WriteThenRefuse && s.refused == nil:
			s.refused = r
		}
	}
	counted := make(map[*record]bool)
	for _, l := range s.links {
		if !counted[l.to] {
			counted[l.to] = true
			taken.links[linkEnd{l.to, c.p.unlabelled(l.kind).inverse}]++
		}
	}
	return nil
}

// overLimit reports whether the new record can have no association with to,
// given those that it and the earlier inputs of its batch will have.
func (c *call) overLimit(s *staged, to *record, kind *linkType, taken claims) bool {
	plain := c.p.unlabelled(kind)
	own := make(map[*record]bool)
	for _, l := range s.links {
		if l.kind.to == kind.to {
			own[l.to] = true
		}
	}
	return !own[to] && c.p.full(&record{}, to, kind, len(own), taken.links[linkEnd{to, plain.inverse}])
}

// apply writes what was staged.
func (c *call) apply(t *objectType, s *staged) {
	if s.rec == nil {
		s.rec = c.p.insert(t, c.now)
		s.fresh = true
		c.emit(t, "creation", s.rec.id, func(e *event) { e.ChangeFlag = "NEW" })
	}
	for _, ch := range s.changes {
		if !s.fresh && s.rec.values.get(ch.slot) != ch.value {
			c.emit(t, "propertyChange", s.rec.id, func(e *event) { e.PropertyName, e.PropertyValue = t.slots[ch.slot].Name, &ch.value })
		}
	}
	c.p.set(t, s.rec, s.changes, c.now)
	for _, l := range s.links {
		c.p.associate(s.rec, l.to, l.kind)
	}
}

func (p *Portal) customRecords() int {
	n := 0
	for _, t := range p.types {
		if t.custom {
			n += t.live
		}
	}
	return n
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
