package webhook

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// GiftEvents is the dialect of gift webhook events, as documented at
// https://snappy.readme.io/docs/gift-webhook-events and, newer, at
// https://docs.snappy.com/webhook-event-types. Names and payloads of the
// previous generation are read as well
// (https://snappy.readme.io/docs/gift-notifications-webhook-events).
const GiftEvents = "gift-events"

// kindTest is the kind of a message of the sender's test button.
const kindTest = "test"

// The longest texts that are taken from an event, in bytes.
const (
	maxParcel = 64 // of the sender's word for the state of a parcel
	maxWord   = 64 // of an unknown word that a reason quotes
)

// catalogue maps the current name of each type to the function that reads its
// data. The function returns why the data cannot be understood, or "".
var catalogue = map[string]func(s *Source, e *store.Event, data object) string{
	"gift-status-changed":               readStatus,
	"gift-delivery-status-changed":      readParcel,
	"gift-invoice-sent":                 readNothing,
	"gift-notification-initial-sent":    readDelivered,
	"gift-notification-reminder-sent":   readMail,
	"gift-notification-expiration-sent": readMail,
	"gift-notification-resend-sent":     readMail,
	"thank-you-note-created":            readNote,
}

// formerNames maps the former name of a type to the current one.
var formerNames = map[string]string{
	"gift-notification-initial":    "gift-notification-initial-sent",
	"gift-notification-reminder":   "gift-notification-reminder-sent",
	"gift-notification-expiration": "gift-notification-expiration-sent",
	"gift-notification-resend":     "gift-notification-resend-sent",
}

// giftStatuses are the catalogue's words for a status. "unwrapped" means that
// the gift's link was clicked; that counts as opened.
var giftStatuses = map[string]plan.Status{
	"unopened":  plan.Sent,
	"unwrapped": plan.Opened,
	"opened":    plan.Opened,
	"claimed":   plan.Redeemed,
	"expired":   plan.Expired,
}

// giftEvent reads a body of the dialect [GiftEvents] into e.
func giftEvent(s *Source, e *store.Event) {
	body, err := parseObject(e.Body)
	if err != nil {
		unknown(e, err.Error())
		return
	}
	hook, data := body.object("webhookData"), body.object("eventData")
	name := hook.word("eventType")
	if current, ok := formerNames[name]; ok {
		name = current
	}
	read, known := catalogue[name]
	if !known {
		if isTest(body, cmp.Or(name, body.word("type"))) {
			e.Kind, e.Test, e.Effect = kindTest, true, store.EffectListed
			return
		}
		unknown(e, unknownType(name))
		return
	}
	e.Kind = name
	if id := data.id("giftId"); usableID(id) {
		e.TransactionID = id
	} else if id != "" {
		unknown(e, "the gift's id is too long or has characters that no id has")
		return
	}
	metadata := data.object("metadata")
	e.Aliases, e.Properties = aliases(metadata, s.MetadataKeys), details(metadata, s.MetadataProperties)
	if reason := readTime(s, e, hook); reason != "" {
		unknown(e, reason)
		return
	}
	if s.CompanyID != "" && data.id("companyId") != canonicalID(s.CompanyID) {
		unknown(e, "the event is not of the company that company_id names")
		return
	}
	if reason := read(s, e, data); reason != "" {
		unknown(e, reason)
		return
	}
	if reason := missing(e); reason != "" {
		unknown(e, reason)
	}
}

// unknownType says that a type is not in the catalogue.
func unknownType(name string) string {
	if name == "" {
		return "the event names no type in webhookData.eventType"
	}
	return unknownWord("the event's type", name)
}

// unknownWord says that what is in no catalogue. It quotes the text only if it is a
// single word: anything else may contain personal data.
func unknownWord(what, text string) string {
	if text == "" || len(text) > maxWord || strings.ContainsFunc(text, strangeInWord) {
		return what + " is not known"
	}
	return fmt.Sprintf("%s %q is not known", what, text)
}

// readTime reads the time of the event. A time in the future is refused: it
// would overrule every later snapshot of the gift.
func readTime(s *Source, e *store.Event, hook object) string {
	if _, given := hook["triggeredAt"]; !given {
		return ""
	}
	at, err := instant(hook.text("triggeredAt"), s.zone)
	switch {
	case errors.Is(err, errNoZone):
		return noZone
	case err != nil:
		return "the event's time is not in RFC 3339, or before 2000"
	case at.After(e.ReceivedAt.Add(clockSlack)):
		return "the event's time is in the future"
	}
	e.At = at
	return ""
}

// missing says what an event lacks to change a gift, or "".
func missing(e *store.Event) string {
	switch {
	case e.Effect == store.EffectListed:
		return ""
	case e.TransactionID == "" && len(e.Aliases) == 0:
		return "the event names no gift"
	case e.At.IsZero():
		return "the event does not say when it happened"
	}
	return ""
}

// readStatus accepts the catalogue's words and the names of our own statuses,
// ignoring case and blanks around the word: the catalogue has no word for refunded, for example.
func readStatus(_ *Source, e *store.Event, data object) string {
	word := strings.ToLower(data.word("status"))
	status, ok := giftStatuses[word]
	if !ok {
		status = plan.ParseStatus(word)
	}
	if status == plan.Unknown {
		return unknownWord("the gift's status", word)
	}
	e.Effect, e.Status = store.EffectClaim, status
	return ""
}

func readDelivered(_ *Source, e *store.Event, _ object) string {
	e.Effect, e.Status = store.EffectClaim, plan.Delivered
	return ""
}

// readParcel accepts any single word: carriers use more words than the
// catalogue lists.
func readParcel(s *Source, e *store.Event, data object) string {
	word := data.word("deliveryStatus")
	if word == "" || len(word) > maxParcel || strings.ContainsFunc(word, strangeInWord) {
		return "the parcel's status is not a word"
	}
	e.Effect, e.ParcelStatus, e.ParcelAt = store.EffectDetail, word, e.At
	if at, err := instant(data.text(word+"Date"), s.zone); err == nil && !at.After(e.At) {
		e.ParcelAt = at
	}
	return ""
}

// strangeInWord reports whether a character is in no word of a catalogue.
func strangeInWord(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_'
}

func readNote(_ *Source, e *store.Event, data object) string {
	note := data.text("thankYouNote")
	if strings.TrimSpace(note) == "" {
		return "the thank-you note is missing or empty"
	}
	e.Effect, e.ThankYouNote = store.EffectDetail, note
	return ""
}

// readMail takes a mail that reminds of a gift for news of the gift. Without a
// signature, or without a gift and a time, it is only listed: it is not worth asking
// Thnks.
func readMail(_ *Source, e *store.Event, _ object) string {
	e.Effect = store.EffectListed
	if e.Signed && !e.At.IsZero() && (e.TransactionID != "" || len(e.Aliases) > 0) {
		e.Effect = store.EffectDetail
	}
	return ""
}

func readNothing(_ *Source, e *store.Event, _ object) string {
	e.Effect = store.EffectListed
	return ""
}

// details returns the entries of metadata under these keys by the property that each
// goes into. Other metadata is the customer's and not kept.
func details(metadata object, properties map[string]string) map[string]string {
	var found map[string]string
	for key, name := range properties {
		if value := metadata.plain(key); value != "" {
			if found == nil {
				found = make(map[string]string)
			}
			found[name] = value
		}
	}
	return found
}

// aliases returns the entries of metadata under these keys that can be a gift's
// id, in the order of the keys.
func aliases(metadata object, keys []string) []string {
	var ids []string
	for _, key := range keys {
		if id := metadata.id(key); usableID(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// usableID reports whether id can be the id of a gift. Transactions that are
// fetched follow the same rule.
func usableID(id string) bool {
	_, err := plan.CanonicalID(id)
	return err == nil
}

// isTest recognises a message of the sender's test button. The documentation
// only says that it is a template with a verification token, so either its type
// says test, or it has a token instead of an event's envelope. Svix, whose scheme
// is that of Standard Webhooks, sends {"test": 2432232314} as its example.
func isTest(body object, name string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) })
	if slices.Contains(words, "test") || slices.Contains(words, "ping") {
		return true
	}
	if name != "" || body["eventData"] != nil {
		return false
	}
	if _, is := body["test"]; is {
		return true
	}
	for key, value := range body {
		if _, isText := value.(string); isText && strings.HasSuffix(strings.ToLower(key), "token") {
			return true
		}
	}
	return false
}
