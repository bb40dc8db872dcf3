package hubspottest

import (
	"slices"
	"strconv"
	"time"
)

// addStandardTypes makes contacts, companies and deals, with the properties
// that a reader may expect, and the association types between them.
func (p *Portal) addStandardTypes() {
	contacts := p.addType("0-1", "contacts", "CONTACT", "createdate", "lastmodifieddate")
	companies := p.addType("0-2", "companies", "COMPANY", "createdate", "hs_lastmodifieddate")
	deals := p.addType("0-3", "deals", "DEAL", "createdate", "hs_lastmodifieddate")
	p.byName["contact"], p.byName["company"], p.byName["deal"] = contacts, companies, deals

	text := func(t *objectType, names ...string) {
		for _, n := range names {
			t.addProperty(definition{Name: n, Label: n, Type: "string", FieldType: "text"}, true)
		}
	}
	text(contacts, "firstname", "lastname", "company", "phone", "jobtitle", "website", "hubspot_owner_id")
	contacts.addProperty(definition{Name: "hs_email_optout", Label: "Unsubscribed from all email", Type: "bool", FieldType: "booleancheckbox"}, true)
	email := contacts.addProperty(definition{Name: "email", Label: "Email", Type: "string", FieldType: "text"}, true)
	email.email = true
	email.makeUnique()
	more := contacts.addProperty(definition{Name: "hs_additional_emails", Label: "Additional email addresses", Type: "enumeration", FieldType: "checkbox"}, true)
	more.many = true
	more.ReadOnly = true
	more.makeUnique()
	text(companies, "name", "domain", "phone", "city", "country", "industry", "hubspot_owner_id")
	text(deals, "dealname", "pipeline", "description", "hubspot_owner_id")
	deals.addProperty(definition{Name: "dealstage", Label: "Deal Stage", Type: "enumeration", FieldType: "radio"}, true).stage = true
	deals.addProperty(definition{Name: "amount", Label: "Amount", Type: "number", FieldType: "number"}, true)
	deals.addProperty(definition{Name: "closedate", Label: "Close Date", Type: "datetime", FieldType: "date"}, true)
	contacts.defaults = []string{"email", "firstname", "lastname"}
	companies.defaults = []string{"name", "domain"}
	deals.defaults = []string{"amount", "closedate", "dealname", "dealstage", "pipeline"}

	p.addLinkTypes(contacts, companies)
	p.addLinkTypes(contacts, deals)
	p.addLinkTypes(deals, companies)
	contacts.addComputed("associatedcompanyid", "number", primaryCompany).lags = true
	stage := deals.properties["dealstage"].slot
	closed := func(which func(stageDef) bool) func(*Portal, *record, packed) string {
		return func(_ *Portal, _ *record, from packed) string {
			i := slices.IndexFunc(allStages, func(s stageDef) bool { return s.id == from.get(stage) })
			return strconv.FormatBool(i >= 0 && which(allStages[i]))
		}
	}
	deals.addComputed("hs_is_closed", "bool", closed(func(s stageDef) bool { return s.closed() })).lags = true
	deals.addComputed("hs_is_closed_won", "bool", closed(func(s stageDef) bool { return s.probability == "1.0" })).lags = true
	deals.addComputed("hs_is_closed_lost", "bool", closed(func(s stageDef) bool { return s.probability == "0.0" })).lags = true
}

// addType makes and registers one of HubSpot's own object types.
func (p *Portal) addType(id, name, upper, createdName, modifiedName string) *objectType {
	t := newType(id, name, upper, createdName, modifiedName)
	p.types = append(p.types, t)
	p.byName[id], p.byName[name] = t, t
	return t
}

// newType makes an object type with the properties that every type has.
func newType(id, name, upper, createdName, modifiedName string) *objectType {
	t := &objectType{
		id: id, name: name, fullName: name, upper: upper, created: time.Now(),
		properties: make(map[string]*property),
		records:    make(map[int64]*record),
		merged:     make(map[int64]int64),
		groups:     []propertyGroup{{Name: name + "_information", Label: name + " information"}},
	}
	t.addComputed("hs_object_id", "number", func(_ *Portal, r *record, _ packed) string { return r.idText() })
	t.createdDate = t.addComputed(createdName, "datetime", func(_ *Portal, r *record, _ packed) string { return isoMilli(r.created) })
	t.modifiedDate = t.addComputed(modifiedName, "datetime", func(_ *Portal, r *record, _ packed) string { return isoMilli(r.updated) })
	merged := t.addProperty(definition{Name: "hs_merged_object_ids", Label: "Merged record IDs", Type: "enumeration", FieldType: "checkbox"}, true)
	merged.ReadOnly = true
	return t
}

// addComputed adds a property that HubSpot fills in itself.
func (t *objectType) addComputed(name, typ string, compute func(*Portal, *record, packed) string) *property {
	field := map[string]string{"number": "number", "datetime": "date", "bool": "booleancheckbox"}[typ]
	pr := t.addProperty(definition{Name: name, Label: name, Type: typ, FieldType: field}, true)
	pr.ReadOnly, pr.Calculated, pr.compute = true, name != "hs_object_id", compute
	return pr
}

func primaryCompany(_ *Portal, r *record, _ packed) string {
	for _, l := range r.links {
		if l.kind.id == 1 && l.kind.category == hubspotDefined {
			return l.to.idText()
		}
	}
	return ""
}

// A stageDef is one stage of a deal pipeline.
type stageDef struct {
	id, label, probability string
}

func (s stageDef) closed() bool { return s.probability == "1.0" || s.probability == "0.0" }

// A pipelineDef is a deal pipeline.
type pipelineDef struct {
	id, label string
	stages    []stageDef
}

// pipelines are the deal pipelines of the portal: HubSpot's default one and a
// second, whose stage ids are numeric strings as an admin's are.
var pipelines = []pipelineDef{
	{"default", "Sales Pipeline", []stageDef{
		{"appointmentscheduled", "Appointment Scheduled", "0.2"},
		{"qualifiedtobuy", "Qualified To Buy", "0.4"},
		{"presentationscheduled", "Presentation Scheduled", "0.6"},
		{"decisionmakerboughtin", "Decision Maker Bought-In", "0.8"},
		{"contractsent", "Contract Sent", "0.9"},
		{"closedwon", "Closed Won", "1.0"},
		{"closedlost", "Closed Lost", "0.0"},
	}},
	{"75489012", "Renewals", []stageDef{
		{"145880211", "Renewal due", "0.5"},
		{"145880212", "Renewed", "1.0"},
		{"145880213", "Churned", "0.0"},
	}},
}

var allStages = slices.Concat(pipelines[0].stages, pipelines[1].stages)
