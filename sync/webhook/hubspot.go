package webhook

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
)

// HubSpot is the dialect of HubSpot's own webhooks, as documented at
// https://developers.hubspot.com/docs/api-reference/latest/webhooks/guide. Its
// events say that a record has changed. What they say of it is never believed: it
// is read.
const HubSpot = "hubspot"

// HubSpotPath is where HubSpot sends the webhooks of all apps.
const HubSpotPath = "/hubspot/webhooks"

// An App is an app of HubSpot whose webhooks are received.
type App struct {
	Name string // in the log
	ID   int64  // HubSpot's
	// Verify checks that HubSpot has made a request for the app; see
	// [hubspot.SignedRequest.Verify]. Where its error is [hubspot.ErrNoSecret], HubSpot
	// is asked to send the request again.
	Verify func(r hubspot.SignedRequest, now time.Time) error
	// Portals are those that are connected through the app, by the id of their
	// HubSpot account. Events of other accounts are dropped.
	Portals map[int64][]Destination
}

// A Destination is a portal that events go to.
type Destination struct {
	Portal string
	Inbox  Inbox
}

// recordTypes are the types of records that events of both forms are about, by the
// type id that generic ones give.
var recordTypes = map[string]string{"0-1": "contact", "0-2": "company", "0-3": "deal"}

// serveHubSpot answers a request of HubSpot: up to 100 events of one app, of any of
// its portals.
func (h *Hooks) serveHubSpot(w http.ResponseWriter, r *http.Request) {
	from := h.proxies.sender(r)
	all := &Source{Dialect: HubSpot}
	if r.Method != http.MethodPost {
		(&answer{code: http.StatusMethodNotAllowed, err: "only POST is answered here"}).write(w)
		return
	}
	if r.ContentLength > maxBatch {
		tooLarge(maxBatch).write(w)
		return
	}
	if why := unreadable(r.Header, dialects[HubSpot].media); why != "" {
		h.note(slog.LevelWarn, time.Now(), all, "webhook refused", why, keyClient, from.String())
		(&answer{code: http.StatusUnsupportedMediaType, err: why}).write(w)
		return
	}
	var app *App
	body, refused := h.checked(w, r, all, from, maxBatch, func(body []byte, now time.Time) (bad refusal) {
		app, bad = h.appOf(r, body, now)
		return bad
	})
	if refused == nil {
		refused = h.receiveBatch(r, app, body)
	}
	refused.write(w)
}

// appOf returns the app that HubSpot has made a request for, or why it is none. All
// apps are tried, so that the time taken does not reveal which one it is.
func (h *Hooks) appOf(r *http.Request, body []byte, now time.Time) (app *App, bad refusal) {
	signed := hubspot.SignedRequest{Method: r.Method, URL: h.public, Header: r.Header, Body: body}
	if r.URL.RawQuery != "" {
		signed.URL += "?" + r.URL.RawQuery
	}
	for i := range h.apps {
		err := h.apps[i].Verify(signed, now)
		var late *hubspot.StaleError
		switch {
		case err == nil:
			app = &h.apps[i]
		case errors.As(err, &late):
			bad = refusal{why: stale, off: late.Off}
		case bad.why == stale: // of another app, whose signature is good
		case bad.why == unproven: // whatever the secret
		case errors.Is(err, hubspot.ErrUnsigned):
			bad = malformed("%v", err)
		case errors.Is(err, hubspot.ErrNoSecret):
			bad = refusal{why: unchecked}
		case bad.why != unchecked: // which may have been signed for that other app
			bad = refusal{why: forged}
		}
	}
	if app != nil {
		return app, refusal{}
	}
	return nil, bad
}

// receiveBatch puts the events of a verified body into the inboxes of their
// portals. If one inbox cannot take its own, HubSpot sends all of them again, and
// those that were kept are repeats.
func (h *Hooks) receiveBatch(r *http.Request, app *App, body []byte) *answer {
	now := time.Now().UTC()
	all := &Source{Dialect: HubSpot}
	list, err := elements(bytes.TrimPrefix(body, byteOrderMark))
	switch {
	case errors.Is(err, errManyEvents):
		h.note(slog.LevelWarn, now, all, "webhook refused", err.Error(), keyApp, app.Name)
		return &answer{code: http.StatusRequestEntityTooLarge, err: err.Error()}
	case err != nil:
		h.note(slog.LevelWarn, now, all, "webhook not understood", "the body is not a JSON array", keyApp, app.Name)
		return &stored // it would be no better the next time
	}
	type batch struct {
		to     Destination
		events []store.Event
	}
	var batches []*batch
	for _, raw := range list {
		account, e, why := readHubSpot(app, raw, now)
		if why == "" && len(app.Portals[account]) == 0 {
			why = "no portal of this app has the account"
		}
		switch why {
		case "":
		case ownChange:
			continue
		default:
			h.note(slog.LevelInfo, now, all, "webhook dropped", why, keyApp, app.Name, keyAccount, account)
			continue
		}
		for _, to := range app.Portals[account] {
			i := slices.IndexFunc(batches, func(b *batch) bool { return b.to.Portal == to.Portal })
			if i < 0 {
				i = len(batches)
				batches = append(batches, &batch{to: to})
			}
			batches[i].events = append(batches[i].events, e)
		}
	}
	for _, b := range batches {
		if a := h.keep(r.Context(), &Source{Portal: b.to.Portal, Dialect: HubSpot, Inbox: b.to.Inbox}, b.events...); a.code != http.StatusOK {
			return a
		}
	}
	return &stored
}

// errManyEvents is why a batch is refused that would hold the inbox for long.
var errManyEvents = fmt.Errorf("the body has more than %d events", maxEvents)

// elements returns the elements of a JSON array, unless they are more than maxEvents.
func elements(body []byte) (list []json.RawMessage, err error) {
	if !json.Valid(body) {
		return nil, errNotJSON
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if begin, err := d.Token(); err != nil || begin != json.Delim('[') {
		return nil, errNotJSON
	}
	for d.More() {
		if len(list) == maxEvents {
			return nil, errManyEvents
		}
		var element json.RawMessage
		if err := d.Decode(&element); err != nil {
			return nil, err
		}
		list = append(list, element)
	}
	return list, nil
}

// maxRecords is how many records one event may name. HubSpot merges two at a time.
const maxRecords = 1000

// ownChange is why an event is dropped of which the log says nothing.
const ownChange = "this program has caused it"

// readHubSpot reads one event of a batch, and the account that it is of. It returns why
// the event belongs to no portal: it names no account, or this program has caused it.
func readHubSpot(app *App, raw []byte, now time.Time) (account int64, e store.Event, why string) {
	e = store.Event{Dialect: HubSpot, Signed: true, Body: raw, ReceivedAt: now}
	body, err := parseObject(raw)
	if err != nil {
		return 0, e, err.Error()
	}
	if account, err = json.Number(body.id("portalId")).Int64(); err != nil {
		return 0, e, "the event names no account"
	}
	if caused(app, body) {
		return account, e, ownChange
	}
	hubspotEvent(nil, &e)
	e.Key = cmp.Or(e.Key, keyOf(&e))
	return account, e, ""
}

// caused reports whether an event tells of what this program did through the app. What
// sourceId has in it is on no page of HubSpot's; in recorded deliveries it is the id of
// the app that made the change. An event of any other source is followed: the change of
// another integration counts, and a look too many does no harm.
func caused(app *App, body object) bool {
	source := strings.TrimPrefix(body.plain("sourceId"), "appId:")
	return source == fmt.Sprint(app.ID) && strings.EqualFold(body.word("changeSource"), "INTEGRATION")
}

// hubspotEvent reads the body of one event of the dialect [HubSpot] into e: of the
// generic form, with an objectTypeId, or of the older one that names contacts,
// companies and deals. What is neither about contacts nor about deals is listed.
func hubspotEvent(_ *Source, e *store.Event) {
	body, err := parseObject(e.Body)
	if err != nil {
		unknown(e, err.Error())
		return
	}
	name := cmp.Or(body.word("subscriptionType"), body.word("eventType"))
	of, what, found := strings.Cut(name, ".")
	if !found || len(name) > maxWord || strings.ContainsFunc(of+what, strangeInWord) {
		unknown(e, unknownWord("the event's type", name))
		return
	}
	if kind := recordTypes[body.word("objectTypeId")]; kind != "" && of == "object" {
		of = kind
	}
	e.Kind, e.Effect = of+"."+what, store.EffectListed
	if at, ok := body.millis("occurredAt"); ok && !at.After(e.ReceivedAt.Add(clockSlack)) {
		e.At = at
	}
	e.Key = digest("hubspot", body.id("portalId"), e.Kind, body.id("eventId"), body.id("objectId"), body.plain("occurredAt"),
		body.word("propertyName"), body.plain("propertyValue"), body.word("associationType"), body.id("fromObjectId"), body.id("toObjectId"),
		fmt.Sprint(body.flag("associationRemoved")), body.id("newObjectId"), body.id("primaryObjectId"))
	id := body.id("objectId")
	switch e.Kind {
	case "contact.creation", "contact.restore", "contact.deletion", "contact.privacyDeletion", "deal.creation", "deal.restore":
	case "contact.propertyChange":
		if name := body.word("propertyName"); name != "email" && name != "hs_additional_emails" {
			return
		}
		e.Email = address(body, "propertyValue")
	case "deal.propertyChange":
		if body.word("propertyName") != "dealstage" {
			return
		}
	case "contact.merge":
		others := body.ids("mergedObjectIds")
		if len(others) > maxRecords {
			unknown(e, fmt.Sprintf("the event names more than %d records", maxRecords))
			return
		}
		for _, merged := range append([]string{body.id("newObjectId"), body.id("primaryObjectId"), id}, others...) {
			if merged != "" && !slices.Contains(e.RecordIDs, merged) {
				e.RecordIDs = append(e.RecordIDs, merged)
			}
		}
		id = ""
	case "contact.associationChange", "company.associationChange", "deal.associationChange":
		if body.flag("associationRemoved") {
			return // links are only added
		}
		if of, id = associated(body, of); of != "contact" {
			return
		}
	default:
		return
	}
	if id != "" {
		e.RecordIDs = []string{id}
	}
	if len(e.RecordIDs) == 0 {
		unknown(e, "the event names no record")
		return
	}
	if slices.ContainsFunc(e.RecordIDs, func(id string) bool { return len(id) > maxWord || strings.ContainsFunc(id, strangeInWord) }) {
		e.RecordIDs = nil
		unknown(e, "a record's id is too long or has characters that no id has")
		return
	}
	e.RecordType, e.Effect = of, store.EffectRecord
}

// associated returns the end of a new association that gifts are linked by: the
// contact of one between a contact and a deal or company. of is the type of the
// record that the event is about.
func associated(body object, of string) (kind, id string) {
	from, to, found := strings.Cut(body.word("associationType"), "_TO_")
	switch {
	case !found && of == "contact":
		return of, cmp.Or(body.id("fromObjectId"), body.id("objectId"))
	case from == "CONTACT" && (to == "DEAL" || to == "COMPANY"):
		return "contact", body.id("fromObjectId")
	case to == "CONTACT" && (from == "DEAL" || from == "COMPANY"):
		return "contact", body.id("toObjectId")
	}
	return "", ""
}
