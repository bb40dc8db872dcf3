package thnksapitest

import (
	"strings"
	"time"
)

// wireEvent is an event in its posted form.
type wireEvent struct {
	Webhook wireWebhook    `json:"webhookData"`
	Data    map[string]any `json:"eventData"`
}

type wireWebhook struct {
	ID          string `json:"id"`
	EventType   string `json:"eventType"`
	Target      string `json:"target,omitempty"`
	TriggeredAt string `json:"triggeredAt"`
}

// verification is the token of a [TestSent].
const verification = "b0a51f7e-4a63-4f0c-9a35-3f4f2f0d8c11"

// Body returns the JSON of an event.
func (e Event) Body(g Generation) []byte {
	data := make(map[string]any)
	if e.CompanyID != "" {
		data["companyId"] = e.CompanyID
	}
	if e.Kind != InvoiceSent && e.Kind != TestSent {
		data["giftId"] = e.GiftID
	}
	switch e.Kind {
	case StatusChanged:
		data["status"] = e.Status
	case ParcelChanged:
		data["deliveryStatus"] = e.Status
		data[e.Status+"Date"] = wireTime(e.At)
	case InvoiceSent:
		data["invoiceId"] = e.InvoiceID
	case NoteCreated:
		data["thankYouNote"] = e.Note
	case TestSent:
		data["verificationToken"] = verification
	}
	name := string(e.Kind)
	switch notification := e.Kind.notification(); {
	case g == Current && (notification || e.Kind == StatusChanged):
		if len(e.Metadata) > 0 {
			data["metadata"] = e.Metadata
		}
	case g == Older && notification:
		name = strings.TrimSuffix(name, "-sent")
		delete(data, "companyId")
		data["giftLink"] = e.Link
		data["sendingChannel"] = "mail"
		if e.Kind == ReminderSent || e.Kind == ExpirationSent {
			data["cadance"] = e.Cadence // the vendor's spelling
		}
	}
	return encode(wireEvent{wireWebhook{e.ID, name, e.Target, wireTime(e.At)}, data})
}

// notification reports whether the event is about a mail to the recipient.
func (k Kind) notification() bool { return strings.HasPrefix(string(k), "gift-notification-") }

func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
