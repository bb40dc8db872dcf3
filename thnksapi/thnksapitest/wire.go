package thnksapitest

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// wireTransaction is the assumed API's transaction.
type wireTransaction struct {
	ID           *string    `json:"id"`
	RequestID    *string    `json:"gift_request_id"`
	Gift         wireGift   `json:"gift"`
	Amount       wireAmount `json:"amount"`
	Message      *string    `json:"message"`
	TrackingURL  *string    `json:"tracking_url"`
	Sender       wireSender `json:"sender"`
	Recipient    wirePerson `json:"recipient"`
	Status       string     `json:"status"`
	ScheduledFor *time.Time `json:"scheduled_for"`
	wireTimes
}

type wireGift struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
}

type wireAmount struct {
	Value    any    `json:"value"` // string or json.Number
	Currency string `json:"currency,omitempty"`
}

type wireSender struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

type wirePerson struct {
	FirstName *string `json:"first_name"`
	LastName  *string `json:"last_name"`
	Email     *string `json:"email"`
	Phone     *string `json:"phone"`
}

type wireTimes struct {
	SentAt        *time.Time `json:"sent_at"`
	DeliveredAt   *time.Time `json:"delivered_at"`
	OpenedAt      *time.Time `json:"opened_at"`
	RedeemedAt    *time.Time `json:"redeemed_at"`
	RefundedAt    *time.Time `json:"refunded_at"`
	ExpiredAt     *time.Time `json:"expired_at"`
	UndeliveredAt *time.Time `json:"undelivered_at,omitempty"`
	DonatedAt     *time.Time `json:"donated_at,omitempty"`
	CreatedAt     *time.Time `json:"created_at"`
	UpdatedAt     *time.Time `json:"updated_at"`
}

func text(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}

func stamp(t *time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return t
}

func timesOf(t *Transaction) wireTimes {
	return wireTimes{
		SentAt:        stamp(&t.Times.Sent),
		DeliveredAt:   stamp(&t.Times.Delivered),
		OpenedAt:      stamp(&t.Times.Opened),
		RedeemedAt:    stamp(&t.Times.Redeemed),
		RefundedAt:    stamp(&t.Times.Refunded),
		ExpiredAt:     stamp(&t.Times.Expired),
		UndeliveredAt: stamp(&t.Times.Undelivered),
		DonatedAt:     stamp(&t.Times.Donated),
		CreatedAt:     stamp(&t.CreatedAt),
		UpdatedAt:     stamp(&t.UpdatedAt),
	}
}

func personOf(p *Person) wirePerson {
	return wirePerson{FirstName: text(&p.FirstName), LastName: text(&p.LastName), Email: text(&p.Email), Phone: text(&p.Phone)}
}

// amountOf renders the amount in the shape's unit.
func (s Shape) amountOf(t *Transaction) wireAmount {
	a := wireAmount{Currency: t.Currency}
	switch {
	case t.Amount == "":
	case s.MinorUnits:
		a.Value = json.Number(minorUnits(t.Amount, t.Currency))
	case t.NumericAmount:
		a.Value = json.Number(t.Amount)
	default:
		a.Value = t.Amount
	}
	return a
}

// minorUnits converts amounts of the currencies that the generator uses.
func minorUnits(amount, currency string) string {
	places := int32(2)
	switch currency {
	case "JPY", "KRW":
		places = 0
	case "KWD", "BHD":
		places = 3
	}
	return decimal.RequireFromString(amount).Shift(places).String()
}

// render returns rows as the elements of a listing.
func (s Shape) render(rows []*row) []any {
	elements := make([]any, 0, len(rows))
	for _, r := range rows {
		t := &r.Transaction
		switch {
		case s.Flat:
			elements = append(elements, s.flat(t))
		case s.Nested:
			if n := len(elements); n > 0 {
				if last := elements[n-1].(*wireRequest); last.add(s, t) {
					continue
				}
			}
			elements = append(elements, s.request(t))
		default:
			elements = append(elements, s.Foreign.words(s.transaction(t)))
		}
	}
	return elements
}

func (s Shape) transaction(t *Transaction) *wireTransaction {
	return &wireTransaction{
		ID:           text(&t.ID),
		RequestID:    text(&t.RequestID),
		Gift:         wireGift(t.Gift),
		Amount:       s.amountOf(t),
		Message:      text(&t.Message),
		TrackingURL:  text(&t.TrackingURL),
		Sender:       wireSender{Name: t.Sender.Name(), Email: t.Sender.Email},
		Recipient:    personOf(&t.Recipient),
		Status:       t.Status,
		ScheduledFor: stamp(&t.Times.Scheduled),
		wireTimes:    timesOf(t),
	}
}

// wireRequest is a gift request with its recipients; see [Shape].Nested.
type wireRequest struct {
	RequestID  string          `json:"request_id"`
	Gift       wireGift        `json:"gift"`
	Sender     wireSender      `json:"sender"`
	Recipients []wireRecipient `json:"recipients"`
}

type wireRecipient struct {
	TransactionID *string `json:"transaction_id"`
	wirePerson
	Amount  wireAmount `json:"amount"`
	Message *string    `json:"message"`
	Status  string     `json:"status"`
	wireTimes
}

func (s Shape) request(t *Transaction) *wireRequest {
	r := &wireRequest{RequestID: t.RequestID, Gift: wireGift(t.Gift), Sender: wireSender{Name: t.Sender.Name(), Email: t.Sender.Email}}
	r.Recipients = append(r.Recipients, s.recipient(t))
	return r
}

func (s Shape) recipient(t *Transaction) wireRecipient {
	return wireRecipient{
		TransactionID: text(&t.ID),
		wirePerson:    personOf(&t.Recipient),
		Amount:        s.amountOf(t),
		Message:       text(&t.Message),
		Status:        t.Status,
		wireTimes:     timesOf(t),
	}
}

// add adds a transaction of the same request to the others.
func (r *wireRequest) add(s Shape, t *Transaction) bool {
	if t.RequestID == "" || t.RequestID != r.RequestID {
		return false
	}
	r.Recipients = append(r.Recipients, s.recipient(t))
	return true
}

// flat is the transaction under other names; see [Shape].Flat.
func (s Shape) flat(t *Transaction) map[string]any {
	m := map[string]any{
		"transactionId":   t.ID,
		"title":           t.Gift.Name,
		"category":        t.Gift.Type,
		"price":           s.amountOf(t).Value,
		"priceCurrency":   t.Currency,
		"note":            t.Message,
		"link":            t.TrackingURL,
		"from":            t.Sender.Name(),
		"fromAddress":     t.Sender.Email,
		"toFirst":         t.Recipient.FirstName,
		"toLast":          t.Recipient.LastName,
		"toAddress":       t.Recipient.Email,
		"toPhone":         t.Recipient.Phone,
		"state":           "STATE_" + strings.ToUpper(t.Status),
		"created":         t.CreatedAt.UnixMilli(),
		"lastModified":    t.UpdatedAt.UnixMilli(),
		"request/id":      t.RequestID,
		"deliveryChannel": "email",
	}
	if n, err := strconv.Atoi(t.RequestID); err == nil {
		m["request/id"] = n
	}
	if !t.Times.Sent.IsZero() {
		m["sentOn"] = t.Times.Sent.UnixMilli()
	}
	if !t.Times.Redeemed.IsZero() {
		m["redeemedOn"] = t.Times.Redeemed.UnixMilli()
	}
	return m
}
