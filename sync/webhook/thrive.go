package webhook

import (
	"encoding/json"
	"strings"
	"time"

	"thnks-hubspot-sync/store"
)

// ZohoThrive is the dialect of the webhooks of Zoho Thrive, as documented at
// https://help.zoho.com/portal/en/kb/zoho-thrive/organization-settings/developer-settings/webhooks/articles/webhooks-in-zoho-thrive.
// None of its events changes a gift.
const ZohoThrive = "zoho-thrive"

// thriveRepeat is how long an equal body counts as a repeat: later it may be
// another award of as many points.
const thriveRepeat = 24 * time.Hour

// thriveEvent reads a body of the dialect [ZohoThrive] into e. Names of events
// that are not documented are kept. A body that names no event is what the button
// "Test API" sends.
func thriveEvent(_ *Source, e *store.Event) {
	body, err := parseObject(e.Body)
	if err != nil {
		unknown(e, err.Error())
		return
	}
	message := body.object("message")
	name := message.word("event")
	switch {
	case name == "":
		e.Kind, e.Test = kindTest, true
	case len(name) > maxWord || strings.ContainsFunc(name, strangeInWord):
		unknown(e, "the event's name is not a word")
		return
	default:
		e.Kind = name
	}
	e.Effect = store.EffectListed
	e.Email = address(message, "email_id")
	for _, key := range []string{"purchase_time", "joined_date"} {
		if at, ok := message.millis(key); ok && !at.After(e.ReceivedAt.Add(clockSlack)) {
			e.At = at
			break
		}
	}
	order, track := message.id("order_id"), message.id("purchase_order_track_id")
	if order != "" && track != "" {
		e.Key = digest("thrive purchase", name, order, track)
		return
	}
	e.Key, e.RepeatWithin = digest("thrive", string(e.Body)), thriveRepeat
}

// millis returns the time of that name in milliseconds since 1970, as a number or
// in digits, and whether there is one since 2000.
func (o object) millis(name string) (time.Time, bool) {
	n, err := json.Number(o.id(name)).Int64()
	at := time.UnixMilli(n).UTC()
	return at, err == nil && at.Year() >= 2000 && at.Year() < 10_000
}
