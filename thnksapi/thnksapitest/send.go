package thnksapitest

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxRequest bounds the body of a gift request.
const maxRequest = 1 << 20

// giftRequest is the body that Thnks publishes
// (docs.thnks.com/thnks_integrations/overview).
type giftRequest struct {
	GiftID     json.RawMessage `json:"gift_id"`
	Recipients []struct {
		Email      string `json:"email"`
		FirstName  string `json:"first_name"`
		LastName   string `json:"last_name"`
		Message    string `json:"message"`
		RedeemType string `json:"gift_redeem_type"`
	} `json:"recipients"`
}

// An Accepted is a gift to one recipient that a gift request has caused.
type Accepted struct {
	GiftID        int
	Sender        string // address of the key's owner
	Recipient     string // address
	Message       string
	TransactionID string
	At            time.Time
}

// Gifts returns what gift requests have caused, in the order in which they came:
// what a test holds against what was to be sent.
func (s *Server) Gifts() []Accepted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.gifts)
}

// send answers POST …/gift_requests: a transaction for every recipient, sent
// at once.
func (s *Server) send(w http.ResponseWriter, req *http.Request) {
	if media, _, err := mime.ParseMediaType(req.Header.Get("Content-Type")); err != nil || media != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "invalid", "Content-Type must be application/json")
		return
	}
	var body giftRequest
	d := json.NewDecoder(http.MaxBytesReader(w, req.Body, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		refuse(w, http.StatusUnprocessableEntity, "invalid", "the body is no gift request")
		return
	}
	item, ok := itemByID(string(body.GiftID)) // a bare number: in quotes it is no gift's
	if problem := body.problem(); problem != "" || !ok {
		if problem == "" {
			problem = "gift_id is no gift of the catalogue"
		}
		refuse(w, http.StatusUnprocessableEntity, "invalid", problem)
		return
	}
	address, _ := s.sender(req)
	from := Person{Email: address}
	if address == "" {
		from = senderAt(0, 0)
	}

	write(w, http.StatusOK, encode(s.accept(item, from, body)))
}

// accept makes the transactions of a gift request and returns the answer.
func (s *Server) accept(item item, from Person, body giftRequest) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	request := strconv.Itoa(requestBase + s.last + 1)
	at := now()
	var created []map[string]string
	for _, to := range body.Recipients {
		t := item.transaction(idOf(s.last + 1))
		t.RequestID = request
		t.Message = to.Message
		t.Sender = from
		t.Recipient = Person{FirstName: to.FirstName, LastName: to.LastName, Email: to.Email}
		t.CreatedAt = at
		t.reach(sent, at)
		s.add(t)
		s.announce(t)
		s.gifts = append(s.gifts, Accepted{item.ID, from.Email, to.Email, to.Message, t.ID, at})
		created = append(created, map[string]string{"id": t.ID, "recipient_email": to.Email})
	}
	return map[string]any{"gift_request_id": json.Number(request), "transactions": created}
}

// problem returns what is wrong with a request, "" if nothing is.
func (r giftRequest) problem() string {
	if len(r.Recipients) == 0 {
		return "recipients must not be empty"
	}
	for i, to := range r.Recipients {
		at := "recipients[" + strconv.Itoa(i) + "]."
		switch {
		case !strings.Contains(to.Email, "@"):
			return at + "email is no address"
		case to.Message == "":
			return at + "message is missing"
		case to.RedeemType != "email":
			return at + "gift_redeem_type must be email"
		}
	}
	return ""
}

// requestBase separates the numbers of gift requests from those of
// transactions.
const requestBase = 700_000

func idOf(n int) string {
	digits := strconv.Itoa(n)
	return "T-" + strings.Repeat("0", max(0, 6-len(digits))) + digits
}

// idNumber returns the number in an id that idOf made, 0 for another.
func idNumber(id string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "T-"))
	if err != nil || !strings.HasPrefix(id, "T-") {
		return 0
	}
	return n
}

// transaction begins a transaction of the item.
func (i item) transaction(id string) Transaction {
	return Transaction{
		ID:          id,
		Gift:        i.Gift,
		Amount:      i.price,
		Currency:    "USD",
		TrackingURL: "https://app.thnks.example/t/" + id,
	}
}

// monthly is the day of the month on which Thnks refunds unopened gifts.
const monthly = 10

// nextRefund returns the next refund run after a time.
func nextRefund(after time.Time) time.Time {
	run := time.Date(after.Year(), after.Month(), monthly, 12, 0, 0, 0, time.UTC)
	if !run.After(after) {
		run = run.AddDate(0, 1, 0)
	}
	return run
}
