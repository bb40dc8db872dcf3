package thnksapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode"
)

// An answer to a gift request. Thnks does not publish it: what is read here is
// assumed, and an answer that differs makes an outcome unknown, never "not sent".
type giftRequestAnswer struct {
	RequestID    flexibleID       `json:"gift_request_id"`
	Transactions giftTransactions `json:"transactions"`
	Error        json.RawMessage  `json:"error"`
	Errors       json.RawMessage  `json:"errors"`
	Message      json.RawMessage  `json:"message"`
}

// giftTransactions are those of an answer. Only one is of use, which the gift has: of
// more the second is read, and no further one, as a short answer may have 300,000.
type giftTransactions []giftTransaction

type giftTransaction struct {
	ID        flexibleID `json:"id"`
	Recipient string     `json:"recipient_email"`
}

// UnmarshalJSON reads a list, or null.
func (t *giftTransactions) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	begin, err := d.Token()
	if err != nil || begin == nil {
		return err
	}
	if begin != json.Delim('[') {
		return errors.New("transactions is no list")
	}
	for len(*t) < 2 && d.More() {
		var one giftTransaction
		if err := d.Decode(&one); err != nil {
			return err
		}
		*t = append(*t, one)
	}
	return nil
}

// refuses reports whether the API says that something is wrong.
func (a giftRequestAnswer) refuses() bool { return says(a.Error) || says(a.Errors) }

// says reports whether a field is there and not nothing.
func says(field json.RawMessage) bool {
	switch string(field) {
	case "", "null", "false", `""`, "[]", "{}", "0":
		return false
	}
	return true
}

// A flexibleID is a number or a text.
type flexibleID string

// maxReceiptID bounds an id of a receipt, in bytes. A longer one is some other text,
// which the ledger would keep for ever.
const maxReceiptID = 255

// UnmarshalJSON takes anything: an id of another form is no id.
func (id *flexibleID) UnmarshalJSON(b []byte) error {
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(b, &text) == nil:
		*id = flexibleID(strings.TrimSpace(text))
	case json.Unmarshal(b, &number) == nil:
		*id = flexibleID(number)
	}
	if len(*id) > maxReceiptID || strings.ContainsFunc(string(*id), func(r rune) bool { return !unicode.IsPrint(r) }) {
		*id = ""
	}
	return nil
}

// readReceipt says what an answer means. It quotes nothing of the body, which may
// repeat the message and the recipient.
func readReceipt(status int, body []byte, recipient string) Receipt {
	r := Receipt{Status: status}
	a, ours := decodeGiftAnswer(body)
	switch {
	case status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500:
		r.Problem = "Thnks has a problem, and does not say whether it took the request: " + unknownRemedy
	case status >= 400 && ours && (a.refuses() || says(a.Message)):
		r.Outcome, r.Problem = SendNot, refusedProblem(status)
	case status >= 400:
		r.Problem = "the request was refused, but not in the words of the Thnks API: perhaps by a proxy; " + unknownRemedy
	case status >= 300:
		r.Problem = "a redirect, which is never followed: check base_url; " + unknownRemedy
	case !ours:
		r.Problem = "the answer is a success that cannot be read: " + unknownRemedy
	case a.refuses():
		r.Problem = "the answer is a success that speaks of an error: " + unknownRemedy
	default:
		r.Outcome = SendDone
		r.RequestID = string(a.RequestID)
		r.TransactionID = a.transactionOf(recipient)
	}
	return r
}

// decodeGiftAnswer reads an answer and reports whether it is one whole JSON
// object.
func decodeGiftAnswer(body []byte) (a giftRequestAnswer, ours bool) {
	if trimmed := bytes.TrimSpace(body); len(trimmed) == 0 || trimmed[0] != '{' {
		return a, false
	}
	return a, json.Unmarshal(body, &a) == nil
}

// transactionOf returns the id of the only transaction, unless it names another
// recipient.
func (a giftRequestAnswer) transactionOf(recipient string) string {
	if len(a.Transactions) != 1 {
		return ""
	}
	t := a.Transactions[0]
	if t.Recipient != "" && !strings.EqualFold(strings.TrimSpace(t.Recipient), strings.TrimSpace(recipient)) {
		return ""
	}
	return string(t.ID)
}

// refusedProblem says what a refusal means and what to do about it.
func refusedProblem(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "Thnks does not accept the API key, or its owner may not send: check api_key_file and the sender's account"
	case http.StatusPaymentRequired:
		return "Thnks asks for payment: check the balance and the payment method of the sender's account"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return "Thnks has no such call: check base_url"
	case http.StatusConflict:
		return "Thnks says that the request contradicts what it has: look at the sender's gifts in Thnks"
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return "Thnks refused the gift: check the gift's id, whether it can still be sent to the recipient's country, the address and the message"
	default:
		return "Thnks refused the request"
	}
}
