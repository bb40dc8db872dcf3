package card_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/card"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/send"
)

// TestGifts: the card of a contact, of a company and of a deal shows the gifts that
// are linked to it, newest first, with their course, their days left and their total.
// That of a contact asks HubSpot nothing.
func TestGifts(t *testing.T) {
	w := newWorld(t)
	bea, cyd := w.contact("bea@beta.example", "Bea", "Smith"), w.contact("cyd@beta.example", "Cyd", "Jones")
	company, deal := w.portal.AddCompany(nil), w.portal.AddDeal(nil)
	of := func(ids ...string) (links []plan.Link) {
		for i, kind := range []plan.Kind{plan.Contact, plan.Company, plan.Deal} {
			if i < len(ids) && ids[i] != "" {
				links = append(links, plan.Link{Kind: kind, ID: ids[i]})
			}
		}
		return links
	}
	w.gift("T-1", sentGift(100, plan.Redeemed, "20"), of(bea, company, deal)...)
	reminded := sentGift(10, plan.Delivered, "7.5")
	reminded.Mails = []plan.Mail{{Kind: plan.Reminder, At: reminded.UpdatedAt.Add(72 * time.Hour)}}
	w.gift("T-2", reminded, of(bea, company)...)
	w.gift("T-3", sentGift(5, plan.Scheduled, "7.5"), of(cyd, company)...)
	w.gift("T-4", sentGift(1, plan.Sent, "1"))
	w.portal.ResetRequests()
	for _, tt := range []struct {
		typeID, id string
		want       []string
		total      string
		calls      int
	}{
		{"0-1", bea, []string{"T-2", "T-1"}, "2 27.50", 0},
		{"0-1", cyd, []string{"T-3"}, "1 7.50", 0},
		{"0-1", "999", nil, "0 ", 0},
		{"0-2", company, []string{"T-3", "T-2", "T-1"}, "3 35.00", 1},
		{"0-2", company, []string{"T-3", "T-2", "T-1"}, "3 35.00", 0}, // again within 30 s
		{"0-3", deal, []string{"T-1"}, "1 20.00", 1},
	} {
		before := w.portal.Requests().Total
		var g card.Gifts
		w.fetch(w.page(), 200, &g, http.MethodGet, query("/hubspot/card/gifts", "objectTypeId", tt.typeID, "objectId", tt.id), nil)
		var got []string
		for _, gift := range g.Gifts {
			got = append(got, gift.ID)
		}
		total := fmt.Sprintf("%d ", g.Total.Count)
		for _, m := range g.Total.Value {
			total += m.Amount
		}
		if !slices.Equal(got, tt.want) || total != tt.total || w.portal.Requests().Total-before != tt.calls {
			t.Errorf("%s %s has %q, %s, with %d calls", tt.typeID, tt.id, got, total, w.portal.Requests().Total-before)
		}
		if !g.Sender.Allowed || g.Sender.Email != "ann@acme.example" {
			t.Errorf("the sender is %+v", g.Sender)
		}
	}
	var g card.Gifts
	w.fetch(w.page(), 200, &g, http.MethodGet, query("/hubspot/card/gifts", "objectTypeId", "0-1", "objectId", bea), nil)
	open, over := g.Gifts[0], g.Gifts[1]
	if open.DaysLeft == nil || *open.DaysLeft != 20 || over.DaysLeft != nil || over.Expires != "" {
		t.Errorf("left are %v and %v", open.DaysLeft, over.DaysLeft)
	}
	if len(open.Timeline) != 3 || open.Timeline[0].Kind != "sent" || open.Timeline[1].Kind != "delivered" || open.Timeline[2].Kind != "reminder" || open.Amount.Amount != "7.50" {
		t.Errorf("the gift is %+v", open)
	}
	if !strings.HasPrefix(open.URL, "https://app.hubspot.com/contacts/62515/record/") || open.Sender != "Ann Lee" || open.Recipient != "Bea Smith" {
		t.Errorf("the gift is %+v", open)
	}
}

// TestDeletedGifts: what people deleted in HubSpot is not shown, and what was not sent
// yet is no part of the total.
func TestDeletedGifts(t *testing.T) {
	w := newWorld(t)
	bea := w.contact("bea@beta.example", "Bea", "Smith")
	w.gift("T-1", sentGift(1, plan.Sent, "1"), plan.Link{Kind: plan.Contact, ID: bea})
	later := sentGift(2, plan.Scheduled, "2")
	delete(later.Times, plan.Sent)
	w.gift("T-2", later, plan.Link{Kind: plan.Contact, ID: bea})
	gone, _, err := w.store.Gift("T-1")
	if err != nil {
		t.Fatal(err)
	}
	show := func() (g card.Gifts) {
		t.Helper()
		w.fetch(w.page(), 200, &g, http.MethodGet, query("/hubspot/card/gifts", "objectTypeId", "0-1", "objectId", bea), nil)
		return g
	}
	if g := show(); len(g.Gifts) != 2 || g.Total.Count != 1 || g.Total.Value[0].Amount != "1.00" {
		t.Errorf("the card shows %+v", g)
	}
	gone.Deleted = time.Now().UTC()
	if err := w.store.Commit(store.Commit{Gifts: []plan.Stored{gone}}); err != nil {
		t.Fatal(err)
	}
	if g := show(); len(g.Gifts) != 1 || g.Gifts[0].ID != "T-2" || g.Total.Count != 0 {
		t.Errorf("the card shows %+v", g)
	}
}

// TestManyGifts: an answer stays below HubSpot's megabyte, whatever others wrote.
func TestManyGifts(t *testing.T) {
	w := newWorld(t)
	bea := w.contact("bea@beta.example", "Bea", "Smith")
	for i := range 103 {
		g := sentGift(1, plan.Sent, "1")
		g.Name, g.Sender.Name, g.Recipient.Name = strings.Repeat("☕", 20_000), strings.Repeat("é", 20_000), strings.Repeat("<", 20_000)
		w.gift(fmt.Sprintf("T-%d", i), g, plan.Link{Kind: plan.Contact, ID: bea})
	}
	var g card.Gifts
	a := w.fetch(w.page(), 200, &g, http.MethodGet, query("/hubspot/card/gifts", "objectTypeId", "0-1", "objectId", bea), nil)
	if len(g.Gifts) != 100 || g.Older != 3 || g.Total.Count != 103 || len(a.Body) > 500_000 {
		t.Errorf("%d gifts, %d older, %d in all, %d bytes", len(g.Gifts), g.Older, g.Total.Count, len(a.Body))
	}
}

// TestFormOfADeal: the form of a deal has its contacts, those without an address marked.
func TestFormOfADeal(t *testing.T) {
	w := newWorld(t)
	deal := w.portal.AddDeal(nil)
	bea := w.contact("bea@beta.example", "Bea", "Smith")
	nobody := w.portal.AddRecord("contacts", map[string]string{"firstname": "Cyd"})
	w.portal.Associate("contacts", bea, "deals", deal)
	w.portal.Associate("contacts", nobody, "deals", deal)
	var f card.Form
	w.fetch(w.page(), 200, &f, http.MethodGet, query("/hubspot/card/form", "objectTypeId", "0-3", "objectId", deal), nil)
	if len(f.Recipients) != 2 || f.Recipients[0].Email != "bea@beta.example" || f.Recipients[0].Problem != "" || !strings.Contains(f.Recipients[1].Problem, "no e-mail address") {
		t.Errorf("the recipients are %+v", f.Recipients)
	}
	if len(f.Catalogue) != 2 || f.Catalogue[0].Name != "Lunch on Us" || f.Catalogue[1].Price.Amount != "7.50" || len(f.Messages) == 0 {
		t.Errorf("the catalogue is %+v", f.Catalogue)
	}
	if f.Budget.Sender.Left != "100.00" || f.Budget.Portal.Limit != "500.00" || f.ApproveAbove != "20.00" || f.TimeZone != "UTC" {
		t.Errorf("the form is %+v", f)
	}
	for _, m := range f.Messages {
		if _, err := send.Fill(m, map[string]string{"first_name": "Bea"}); err != nil {
			t.Errorf("%q cannot be sent: %v", m, err)
		}
	}
}

// TestDraft: a preview says what becomes of each contact and what it costs, and
// sending does just that: each contact once, however often it is asked for.
func TestDraft(t *testing.T) {
	w := newWorld(t)
	bea, cyd := w.contact("bea@beta.example", "Bea", "Smith"), w.contact("cyd@gov.example", "Cyd", "Jones")
	unnamed := w.contact("dee@beta.example", "", "")
	nobody := w.portal.AddRecord("contacts", map[string]string{"firstname": "Eve"})
	d := card.Draft{Gift: 5659, Message: "Thank you, {first_name}!", Contacts: []string{bea, cyd, unnamed, nobody, "999999"}}
	var p card.Preview
	w.fetch(w.page(), 200, &p, http.MethodPost, "/hubspot/card/preview", d)
	var said []string
	for _, r := range p.Recipients {
		said = append(said, r.Contact+" "+r.Message+" "+r.Guard+" "+r.Reason+r.Problem)
	}
	for i, want := range []string{"Thank you, Bea!  ", "do_not_gift", "{first_name} has no value", "no e-mail address", "not there any more"} {
		if !strings.Contains(said[i], want) {
			t.Errorf("recipient %d: %q does not say %q", i, said[i], want)
		}
	}
	if p.Sends != 1 || p.Held != 0 || p.Cost.Amount != "7.50" || len(p.Request) != 32 {
		t.Errorf("the preview is %+v", p)
	}
	if n := len(w.thnks.Gifts()); n != 0 || w.woken.Load() != 0 {
		t.Errorf("the preview sent %d gifts", n)
	}
	d.Request = p.Request
	for range 3 {
		page := w.page()
		page.Lost = 1 // so that HubSpot asks a second time
		var s card.Sends
		a := w.fetch(page, 200, &s, http.MethodPost, "/hubspot/card/send", d)
		if a.Requests != 2 || len(s.Sends) != 5 || s.Sends[1].Guard != "do_not_gift" || s.Sends[2].State != "refused" || s.Sends[3].State != card.NoAddress {
			t.Errorf("with %d requests came %+v", a.Requests, s)
		}
		if _, err := w.desk.Due(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if w.woken.Load() == 0 {
		t.Error("nothing has the ledger sent")
	}
	gifts := w.thnks.Gifts()
	if len(gifts) != 1 || gifts[0].Recipient != "bea@beta.example" || gifts[0].Sender != "ann@acme.example" || gifts[0].Message != "Thank you, Bea!" {
		t.Fatalf("sent are %+v", gifts)
	}
	var s card.Sends
	w.fetch(w.page(), 200, &s, http.MethodGet, query("/hubspot/card/sends", "request", p.Request, "contact", bea, "contact", nobody), nil)
	if len(s.Sends) != 1 || s.Sends[0].State != "sent" || s.Sends[0].TransactionID != gifts[0].TransactionID || s.Open != 0 {
		t.Errorf("asked for later: %+v", s)
	}
	d.Message = "Another one, {first_name}"
	if code := w.refused(w.page(), 409, http.MethodPost, "/hubspot/card/send", d); code != card.Differs {
		t.Errorf("another message is refused as %s", code)
	}
}

// TestSendShown: a gift that waits is on the card until HubSpot has it, once.
func TestSendShown(t *testing.T) {
	w := newWorld(t)
	bea := w.contact("bea@beta.example", "Bea", "Smith")
	deal := w.portal.AddDeal(nil)
	var p card.Preview
	d := card.Draft{Gift: 5671, Message: "Lunch?", Contacts: []string{bea}, Record: &card.Record{Type: plan.Deal, ID: deal}}
	w.fetch(w.page(), 200, &p, http.MethodPost, "/hubspot/card/preview", d)
	if p.Held != 1 || !p.Recipients[0].Held {
		t.Errorf("the preview is %+v", p)
	}
	d.Request = p.Request
	var s card.Sends
	w.fetch(w.page(), 200, &s, http.MethodPost, "/hubspot/card/send", d)
	if s.Sends[0].State != "held" || s.Open != 1 {
		t.Fatalf("the send is %+v", s)
	}
	shown := func(typeID, id string) []card.Gift {
		t.Helper()
		var g card.Gifts
		w.fetch(w.page(), 200, &g, http.MethodGet, query("/hubspot/card/gifts", "objectTypeId", typeID, "objectId", id), nil)
		return g.Gifts
	}
	for typeID, id := range map[string]string{"0-1": bea, "0-3": deal} {
		if g := shown(typeID, id); len(g) != 1 || g[0].Send == nil || g[0].Send.Guard != "approve_above" || g[0].ID != "send-"+s.Sends[0].ID {
			t.Errorf("%s shows %+v", typeID, g)
		}
	}
	if _, err := w.desk.Change(t.Context(), send.Change{Action: send.Approve, IDs: []string{s.Sends[0].ID}}); err != nil {
		t.Fatal(err)
	}
	gift := sentGift(0, plan.Sent, "25")
	w.gift(w.thnks.Gifts()[0].TransactionID, gift, plan.Link{Kind: plan.Contact, ID: bea})
	if g := shown("0-1", bea); len(g) != 1 || g[0].Send != nil {
		t.Errorf("once it is there, the card shows %+v", g)
	}
}

// TestWhoMaySend: all who see a record see its card; only the owner of an API key
// may send, as found in the signed query and never in the body.
func TestWhoMaySend(t *testing.T) {
	w := newWorld(t)
	bea := w.contact("bea@beta.example", "Bea", "Smith")
	gifts := query("/hubspot/card/gifts", "objectTypeId", "0-1", "objectId", bea)
	form := query("/hubspot/card/form", "objectTypeId", "0-1", "objectId", bea)
	draft := map[string]any{"gift": 5659, "message": "Hello", "contacts": []string{bea}, "request": strings.Repeat("a", 32), "userEmail": "ann@acme.example", "sender": "ann@acme.example"}
	for name, prepare := range map[string]func(*hubspottest.Page){
		"another user":    func(p *hubspottest.Page) { p.User.Email = "eve@acme.example" },
		"no address":      func(p *hubspottest.Page) { p.User.Email = "" },
		"nothing is sent": func(*hubspottest.Page) { w.noDesk = fmt.Errorf("%w: no group", send.ErrOrder) },
	} {
		page := w.page()
		w.noDesk = nil
		prepare(&page)
		var g card.Gifts
		w.fetch(page, 200, &g, http.MethodGet, gifts, nil)
		if g.Sender.Allowed || g.Sender.Email != "" || g.Sender.Reason == "" {
			t.Errorf("%s: the card says %+v", name, g.Sender)
		}
		for path, method := range map[string]string{form: http.MethodGet, "/hubspot/card/preview": http.MethodPost, "/hubspot/card/send": http.MethodPost} {
			var in any
			if method == http.MethodPost {
				in = draft
			}
			if code := w.refused(page, 403, method, path, in); code != card.NotAllowed {
				t.Errorf("%s: %s is refused as %s", name, path, code)
			}
		}
	}
	if open, err := w.store.OpenSends(); err != nil || len(open) != 0 {
		t.Errorf("in the ledger are %d sends: %v", len(open), err)
	}
}

// TestBudgetOfSender: each user spends the own budget.
func TestBudgetOfSender(t *testing.T) {
	w := newWorld(t)
	bea := w.contact("bea@beta.example", "Bea", "Smith")
	if _, err := w.desk.Ask(t.Context(), send.Order{Request: "by-bob", Gift: 5659, Sender: "bob@acme.example", Message: "Hello", To: []send.Recipient{{Email: "x@beta.example"}}}); err != nil {
		t.Fatal(err)
	}
	var p card.Preview
	w.fetch(w.page(), 200, &p, http.MethodPost, "/hubspot/card/preview", card.Draft{Gift: 5659, Message: "Hello", Contacts: []string{bea}})
	if p.Budget.Sender.Spent != "0.00" || p.Budget.Portal.Left != "492.50" || p.Budget.Month != time.Now().UTC().Format("2006-01") {
		t.Errorf("the budget is %+v", p.Budget)
	}
}

// TestPages: statistics show no recipient, and settings are those of the portal.
func TestPages(t *testing.T) {
	w := newWorld(t)
	w.gift("T-1", sentGift(3, plan.Redeemed, "20"))
	a := w.fetch(w.page(), 200, nil, http.MethodGet, "/hubspot/card/statistics", nil)
	if text := string(a.Body); !strings.Contains(text, `"total_sent":1`) || strings.Contains(text, "Bea") || !strings.Contains(text, `"recent_activity":[{`) {
		t.Errorf("the statistics are %s", text)
	}
	var s card.Settings
	w.fetch(w.page(), 200, &s, http.MethodGet, "/hubspot/card/settings", nil)
	if s.Portal != "acme" {
		t.Errorf("the settings are %+v", s)
	}
}

// TestBadDrafts: what cannot be a draft is refused with a reason, and sends nothing.
func TestBadDrafts(t *testing.T) {
	w := newWorld(t)
	bea := w.contact("bea@beta.example", "Bea", "Smith")
	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprint(1000+i))
	}
	good := strings.Repeat("a", 32)
	for name, d := range map[string]any{
		"no contact":        card.Draft{Request: good, Gift: 5659, Message: "Hello"},
		"too many contacts": card.Draft{Request: good, Gift: 5659, Message: "Hello", Contacts: many},
		"a contact twice":   card.Draft{Request: good, Gift: 5659, Message: "Hello", Contacts: []string{bea, bea}},
		"no id":             card.Draft{Request: good, Gift: 5659, Message: "Hello", Contacts: []string{"../1"}},
		"no request":        card.Draft{Gift: 5659, Message: "Hello", Contacts: []string{bea}},
		"a strange request": card.Draft{Request: "card.1", Gift: 5659, Message: "Hello", Contacts: []string{bea}},
		"no object":         []int{1},
	} {
		if code := w.refused(w.page(), 400, http.MethodPost, "/hubspot/card/send", d); code != card.BadRequest {
			t.Errorf("%s: refused as %s", name, code)
		}
	}
	for _, path := range []string{"/hubspot/card/gifts", "/hubspot/card/gifts?objectTypeId=0-1&objectId=1&objectId=2", "/hubspot/card/gifts?objectTypeId=0-9&objectId=1", "/hubspot/card/sends?request=x"} {
		w.refused(w.page(), 400, http.MethodGet, path, nil)
	}
	if open, err := w.store.OpenSends(); err != nil || len(open) != 0 {
		t.Errorf("in the ledger are %d sends: %v", len(open), err)
	}
	if s, known, _ := w.store.Send("card-" + good + "-" + bea); known {
		t.Errorf("in the ledger is %+v", s)
	}
}

var _ card.StateFile = (*store.Store)(nil)
