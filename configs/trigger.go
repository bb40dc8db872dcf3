package configs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Trigger sends a gift by itself when an event comes that its conditions fit.
// Texts in braces, such as {message.email_id}, stand for fields of the event's body.
type Trigger struct {
	Name      string      `yaml:"name"`   // letters, digits, dash
	Source    string      `yaml:"source"` // of the webhooks: zoho-thrive, thyngs or gift-events
	Event     string      `yaml:"event"`  // kind of the event, as events list names it
	When      []Condition `yaml:"when"`   // all must hold
	To        string      `yaml:"to"`     // template of the recipient's address
	FirstName string      `yaml:"first_name"`
	LastName  string      `yaml:"last_name"`
	Sender    string      `yaml:"sender"` // key to send with, where the portal has several
	Gift      int64       `yaml:"gift"`
	Message   string      `yaml:"message"`
	OncePer   string      `yaml:"once_per"` // template: of events that fill it alike only one sends
}

// A Condition is about one field of an event; exactly one of the others is set.
type Condition struct {
	Field   string   `yaml:"field"`
	Equal   string   `yaml:"equal"`
	OneOf   []string `yaml:"one_of"`
	AtLeast string   `yaml:"at_least"`
	AtMost  string   `yaml:"at_most"`
}

var (
	number   = regexp.MustCompile(`^-?[0-9]{1,15}(\.[0-9]{1,9})?$`)
	variable = regexp.MustCompile(`\{[^{}]+\}`)
)

func (r *report) triggers(at string, p Portal) {
	for i, t := range p.Triggers {
		key := item(at, i)
		r.name(key+".name", t.Name, at, i, func(i int) string { return p.Triggers[i].Name })
		sources := map[string]bool{"gift-events": p.Webhooks.GiftEvents != nil, "thyngs": p.Webhooks.Thyngs != nil, "zoho-thrive": p.Webhooks.ZohoThrive != nil}
		switch configured, known := sources[t.Source]; {
		case !known:
			r.add(key+".source", "not a known word", "choose gift-events, thyngs or zoho-thrive")
		case !configured:
			r.add(key+".source", "the portal has no such webhooks", "configure webhooks."+t.Source)
		case t.Source == "gift-events" && p.Webhooks.GiftEvents.Scheme == SchemeToken:
			r.add(key+".source", "its events are not signed, and so only hints", "choose another scheme in webhooks.gift-events: a trigger fires for signed events alone")
		}
		r.required(key+".event", t.Event)
		for j, c := range t.When {
			r.condition(item(key+".when", j), c)
		}
		r.template(key+".to", t.To)
		r.required(key+".message", t.Message)
		r.fillable(key+".to", t.To)
		r.fillable(key+".first_name", t.FirstName)
		r.fillable(key+".last_name", t.LastName)
		r.fillable(key+".message", t.Message)
		r.fillable(key+".once_per", t.OncePer)
		if p.Sending == nil {
			r.add(key, "the portal has no sending group", "add one: it says what may be sent")
		} else if !slices.ContainsFunc(p.Sending.Catalogue, func(g CatalogueItem) bool { return g.Gift == t.Gift }) {
			r.add(key+".gift", "not in sending.catalogue", "add it there, with its price")
		}
		if t.Sender == "" && len(p.Thnks.Keys) > 1 {
			r.add(key+".sender", "missing, and the portal has several keys", "name one of thnks.keys")
		}
		if t.Sender != "" && !slices.ContainsFunc(p.Thnks.Keys, func(k ThnksKey) bool { return strings.EqualFold(k.Sender, t.Sender) }) {
			r.add(key+".sender", "no such sender", "use one of thnks.keys, or remove the key")
		}
		r.template(key+".once_per", t.OncePer)
	}
}

// template checks a text that must have a field of the event in it: one that has
// none is the same for every event.
func (r *report) template(key, value string) {
	switch {
	case value == "":
		r.add(key, "missing", "name a field of the event, such as {message.email_id}")
	case !variable.MatchString(value):
		r.add(key, "the same for every event", "name a field of the event, such as {message.email_id}")
	}
}

// fillable checks a text that could be filled for no event.
func (r *report) fillable(key, value string) {
	switch rest := variable.ReplaceAllString(value, ""); {
	case strings.ContainsAny(rest, "{}"):
		r.add(key, "a brace without its other", "write fields of the event like {message.email_id}")
	case strings.ContainsAny(rest, "<>"):
		r.add(key, "has < or >, as a field that was not filled", "write it without")
	}
}

func (r *report) condition(at string, c Condition) {
	r.required(at+".field", c.Field)
	n := 0
	for _, given := range []bool{c.Equal != "", len(c.OneOf) > 0, c.AtLeast != "", c.AtMost != ""} {
		if given {
			n++
		}
	}
	if n != 1 {
		r.add(at, fmt.Sprintf("has %d comparisons", n), "give exactly one of equal, one_of, at_least and at_most")
	}
	for name, value := range map[string]string{"at_least": c.AtLeast, "at_most": c.AtMost} {
		if value != "" && !number.MatchString(value) {
			r.add(at+"."+name, "not a number", "write digits, such as 100")
		}
	}
}
