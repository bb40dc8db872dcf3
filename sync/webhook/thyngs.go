package webhook

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// Thyngs is the dialect of the webhooks of MyThyngs, as documented at
// https://api.thyngs.net/Webhook. The headers Item-Name and Event-Name say what
// happened, and the body is a model in JSON or XML. None of its events changes a
// gift.
const Thyngs = "thyngs"

// thyngsParts are the models within others that the reader looks into, the
// outermost first.
var thyngsParts = []string{"Stamp", "Conversion", "FirstStamp", "Interaction"}

// thyngsTimes are the fields with the time of what happened, in order of
// preference.
var thyngsTimes = []string{"ConversionTime", "InteractionTime", "BillingPeriodStartDate", "RegisterDate", "CreatedDate"}

// thyngsClock is how MyThyngs writes times: always without a zone.
const thyngsClock = "1/2/2006 15:04:05"

// thyngsHead reads into e what the headers say of it: what happened.
func thyngsHead(e *store.Event, h http.Header) {
	item, event := named(h, "Item-Name"), named(h, "Event-Name")
	if item != "" && event != "" {
		e.Kind = item + " " + event
	}
	e.Key = digest("thyngs", item, event)
}

// thyngsEvent reads a body of the dialect [Thyngs] into e. A model that is not
// documented is kept as it is.
func thyngsEvent(s *Source, e *store.Event) {
	parse := parseObject
	if bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(e.Body, byteOrderMark)), []byte("<")) {
		parse = parseXML
	}
	model, err := parse(e.Body)
	e.Key = digest("thyngs", e.Key, model.id("Id"), string(e.Body))
	switch {
	case e.Kind == "":
		unknown(e, "the headers Item-Name and Event-Name do not name what happened")
		return
	case err != nil:
		unknown(e, err.Error())
		return
	}
	e.Effect = store.EffectListed
	e.Email = address(model, "Email")
	models := modelsOf(model)
	e.At = thyngsTime(models, s.zone(), e.ReceivedAt)
	e.Test = slices.ContainsFunc(models, func(o object) bool { return o.flag("Demo") })
}

// named returns the value of a header that names an item or event, "" unless it
// is a few words.
func named(h http.Header, name string) string {
	text, _ := single(h, name)
	text = trimmed(text)
	strange := func(r rune) bool { return r != ' ' && strangeInWord(r) }
	if len(text) > maxWord || strings.ContainsFunc(text, strange) {
		return ""
	}
	return text
}

// modelsOf returns a model and those within it.
func modelsOf(model object) []object {
	models := []object{model}
	for i := 0; i < len(models); i++ {
		for _, part := range thyngsParts {
			if inner := models[i].object(part); inner != nil {
				models = append(models, inner)
			}
		}
	}
	return models
}

// thyngsTime returns when it happened, zero if the models do not say so, the zone
// is not known, or the time cannot be.
func thyngsTime(models []object, zone *time.Location, received time.Time) time.Time {
	if zone == nil {
		return time.Time{}
	}
	for _, name := range thyngsTimes {
		for _, model := range models {
			at, err := time.ParseInLocation(thyngsClock, model.word(name), zone)
			if at = at.UTC(); err == nil && at.Year() >= 2000 && !at.After(received.Add(clockSlack)) {
				return at
			}
		}
	}
	return time.Time{}
}

// address returns the e-mail address of that name in its canonical form, "" when
// there is none.
func address(o object, name string) string {
	email, _ := plan.CanonicalEmail(o.text(name))
	return email
}
