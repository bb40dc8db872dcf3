package webhook_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/webhook"
)

// A loyalty is an endpoint of one of the dialects whose events change no gift.
type loyalty struct {
	site
	box     *inbox
	dialect string
}

func newLoyalty(t testing.TB, dialect string, zone *time.Location) *loyalty {
	t.Helper()
	header := "Authorization"
	if dialect == webhook.ZohoThrive {
		header = "X-Thrive-Token"
	}
	l := &loyalty{box: new(inbox), dialect: dialect}
	l.log = new(syncBuffer)
	l.Hooks = must(webhook.New(webhook.Options{Log: logger(l.log), Sources: []webhook.Source{{
		Portal: "acme", Dialect: dialect, Scheme: must(webhook.Token(header, tokenSecret)), Inbox: l.box,
		Zone: func() *time.Location { return zone },
	}}}))
	return l
}

// send sends a body with headers, given as name and value in turn, and returns
// the event that is kept.
func (l *loyalty) send(t testing.TB, body string, headers ...string) store.Event {
	t.Helper()
	r := request(schemes[2], body)
	r.URL.Path = "/webhooks/acme/" + l.dialect
	r.Header.Set("X-Thrive-Token", tokenSecret)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res := l.answer(r)
	events := l.box.take()
	if res.StatusCode != http.StatusOK || len(events) != 1 {
		t.Fatalf("answered %s, %d events kept, for %.200q", res.Status, len(events), body)
	}
	e := events[0]
	if e.Signed || e.Dialect != l.dialect || string(e.Body) != body || len(e.Key) != 64 || e.Status != "" || e.TransactionID != "" {
		t.Fatalf("event is %+v", e)
	}
	return e
}

// thyngsEvents are the 22 events of the documentation.
var thyngsEvents = []string{
	"COMPANY INFO UPDATED", "CONVERSION OCCURED", "FORM RESPONSE COLLECTED", "GIFTAID COLLECTED", "INTERACTION OCCURED",
	"NEW USER COMPANY ADDED", "OBJECT ADDED", "OBJECT DELETED", "OBJECT UPDATED", "PAGE ADDED", "PAGE DELETED", "PAGE UPDATED",
	"PROJECT ADDED", "PROJECT DELETED", "PROJECT UPDATED", "REDEMPTION CODE GIVEN", "STAMP COLLECTED", "SUBSCRIPTION CREATED",
	"SUBSCRIPTION UPDATED", "THYNG ADDED", "THYNG DELETED", "THYNG UPDATED",
}

const (
	interaction = `{"Id":9007199254740993,"InteractionTime":"03/01/2026 23:30:00.250","InteractionType":null,"Latitude":null,"ThyngCode":"abc","UserId":"u-1"}`
	conversion  = `{"Id":7,"ConversionTime":"03/01/2026 23:30:01.000","Demo":false,"GoalType":1,"Value":5.00,"Interaction":` + interaction + `}`
	stamp       = `{"AppUserId":"u-1","Email":"Ann@Example.com","Name":"Ann","Optin":true,"RegisterDate":"02/01/2026 09:00:00.000","Stamp":` + conversion + `,"Type":"stamp"}`
	stampXML    = `<?xml version="1.0" encoding="utf-8"?>
<LoyaltyModel xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
  <!-- a stamp -->
  <Email>Ann@Example.com</Email><Name>Ann &amp; Bob</Name><Optin>true</Optin>
  <Stamp><Id>7</Id><ConversionTime>03/01/2026 23:30:01.000</ConversionTime><Demo>false</Demo><Details i:nil="true" /></Stamp>
</LoyaltyModel>`
)

// TestThyngsEvents: every event is kept under its item and event, whatever its
// model, and only listed.
func TestThyngsEvents(t *testing.T) {
	t.Parallel()
	l := newLoyalty(t, webhook.Thyngs, must(time.LoadLocation("America/New_York")))
	for _, event := range thyngsEvents {
		for _, body := range []string{interaction, conversion, stamp, `{"Id":1,"Anything":[1,{"x":2}]}`, `{}`} {
			if e := l.send(t, body, "Item-Name", "Item", "Event-Name", event); e.Effect != store.EffectListed || e.Kind != "Item "+event || e.Reason != "" {
				t.Errorf("%s: %s %q (%s)", event, e.Effect, e.Kind, e.Reason)
			}
		}
	}
	// What the documented models say.
	at := func(text string) time.Time { return must(time.Parse(time.RFC3339Nano, text)) }
	for _, tt := range []struct {
		name, body, email string
		test              bool
		at                time.Time
	}{
		{"interaction", interaction, "", false, at("2026-03-02T04:30:00.25Z")},
		{"conversion", conversion, "", false, at("2026-03-02T04:30:01Z")},
		{"stamp", stamp, "ann@example.com", false, at("2026-03-02T04:30:01Z")},
		{"stamp in XML", stampXML, "ann@example.com", false, at("2026-03-02T04:30:01Z")},
		{"byte order mark before XML", "\ufeff" + stampXML, "ann@example.com", false, at("2026-03-02T04:30:01Z")},
		{"subscription", `{"Id":3,"Amount":9.99,"Currency":"gbp","Status":"active","CreatedDate":"7/1/2026 08:00:00","Conversion":` + conversion + `}`, "", false, at("2026-03-02T04:30:01Z")},
		{"demo", strings.Replace(conversion, `"Demo":false`, `"Demo":true`, 1), "", true, at("2026-03-02T04:30:01Z")},
		{"demo far in", strings.Replace(stamp, `"Demo":false`, `"Demo":true`, 1), "ann@example.com", true, at("2026-03-02T04:30:01Z")},
		{"demo in XML", strings.Replace(stampXML, `<Demo>false`, `<Demo> True `, 1), "ann@example.com", true, at("2026-03-02T04:30:01Z")},
		{"no address", strings.Replace(stamp, "Ann@Example.com", "Ann", 1), "", false, at("2026-03-02T04:30:01Z")},
		{"time in the future", `{"ConversionTime":"03/01/2126 23:30:01.000"}`, "", false, time.Time{}},
		{"no time", `{"ConversionTime":"01/01/0001 00:00:00.000"}`, "", false, time.Time{}},
		{"day first", `{"ConversionTime":"31/01/2026 00:00:00.000"}`, "", false, time.Time{}},
	} {
		e := l.send(t, tt.body, "Item-Name", "Item", "Event-Name", "Create", "Content-Type", "text/xml; charset=utf-8")
		if e.Effect != store.EffectListed || e.Kind != "Item Create" || e.Test != tt.test || e.Email != tt.email || !e.At.Equal(tt.at) || e.RepeatWithin != 0 {
			t.Errorf("%s: %s %q of %q at %v (%s)", tt.name, e.Effect, e.Kind, e.Email, e.At, e.Reason)
		}
	}
	if e := newLoyalty(t, webhook.Thyngs, nil).send(t, conversion, "Item-Name", "Item", "Event-Name", "Create"); !e.At.IsZero() || e.Effect != store.EffectListed {
		t.Errorf("before the zone is known: %s at %v", e.Effect, e.At)
	}
}

// TestThyngsNotUnderstood: what is no event is kept with the reason, which quotes
// nothing.
func TestThyngsNotUnderstood(t *testing.T) {
	t.Parallel()
	l := newLoyalty(t, webhook.Thyngs, time.UTC)
	const dtd = `<!DOCTYPE m [<!ENTITY sesame "sesame">]>`
	for _, tt := range []struct{ name, body, item, reason string }{
		{"no item", interaction, "", "Item-Name"},
		{"a sentence", interaction, "sesame, open", "Item-Name"},
		{"a long name", interaction, strings.Repeat("x", 65), "Item-Name"},
		{"no JSON", `sesame`, "Item", "JSON"},
		{"document type", dtd + `<m><Email>x</Email></m>`, "Item", "document type"},
		{"document type inside", `<m>` + dtd + `</m>`, "Item", "document type"},
		{"own entity", `<m><Email>&sesame;</Email></m>`, "Item", "not one XML element"},
		{"another encoding", `<?xml version="1.0" encoding="utf-16"?><m/>`, "Item", "not UTF-8"},
		{"not closed", `<m><sesame></m>`, "Item", "not one XML element"},
		{"two elements", `<m/><m/>`, "Item", "not one XML element"},
		{"text behind", `<m/>sesame`, "Item", "not one XML element"},
		{"deep", strings.Repeat("<m>", 40) + strings.Repeat("</m>", 40), "Item", "deep"},
		{"many", "<m>" + strings.Repeat("<m/>", 10_000) + "</m>", "Item", "tokens"},
		{"long", "<m>" + strings.Repeat("x", 64<<10+1) + "</m>", "Item", "64 KiB"},
	} {
		e := l.send(t, tt.body, "Item-Name", tt.item, "Event-Name", "Create", "Content-Type", "application/xml")
		if e.Effect != store.EffectUnknown || !strings.Contains(e.Reason, tt.reason) || strings.Contains(e.Reason, "sesame") {
			t.Errorf("%s: %s (%s)", tt.name, e.Effect, e.Reason)
		}
	}
}

// TestThyngsKey: a resend is a repeat; another item, event or model is not.
func TestThyngsKey(t *testing.T) {
	t.Parallel()
	l := newLoyalty(t, webhook.Thyngs, time.UTC)
	key := func(item, event, body string) string {
		return l.send(t, body, "Item-Name", item, "Event-Name", event).Key
	}
	if key("A", "Create", stamp) != key(" A", "Create ", stamp) {
		t.Error("a resend has another key")
	}
	seen := make(map[string]int)
	for i, k := range []string{key("A", "Create", stamp), key("B", "Create", stamp), key("A", "Update", stamp), key("A", "Create", interaction), key("A C", "reate", stamp)} {
		if j, ok := seen[k]; ok {
			t.Errorf("%d and %d have one key", i, j)
		}
		seen[k] = i
	}
}

// thrive returns an event of Zoho Thrive in its envelope.
func thrive(name, fields string) string {
	return `{"code":200,"message":{"email_id":"Nikil@Zylker.com","contact_id":5534000000070003,"user_program_id":9007199254740993,"event":"` + name + `"` + fields + `}}`
}

// TestThriveEvents: the documented events, and ones that are not, are kept and
// only listed.
func TestThriveEvents(t *testing.T) {
	t.Parallel()
	l := newLoyalty(t, webhook.ZohoThrive, nil)
	for _, tt := range []struct {
		name, fields string
		at           time.Time
		within       time.Duration
	}{
		{"tier_upgrade", `,"previous_tier":"silver","current_tier":"gold"`, time.Time{}, 24 * time.Hour},
		{"opt_in", `,"user_type":"customer","joined_date":1759218470551`, time.UnixMilli(1759218470551), 24 * time.Hour},
		{"new_purchase", `,"amount":2345,"purchase_time":1759730191692,"order_id":"sdfvegbr","purchase_order_track_id":826000000360225`, time.UnixMilli(1759730191692), 0},
		{"new_purchase", `,"purchase_time":"1759730191692"`, time.UnixMilli(1759730191692), 24 * time.Hour},
		{"new_purchase", `,"purchase_time":99999999999999999`, time.Time{}, 24 * time.Hour},
		{"redeem_rewards", `,"reward_name":"Custom Reward"`, time.Time{}, 24 * time.Hour},
		{"follow_instagram", ``, time.Time{}, 24 * time.Hour},
		{"google_review_activity", ``, time.Time{}, 24 * time.Hour},
		{"testimonial_activity", ``, time.Time{}, 24 * time.Hour},
		{"custom_activity_tracker", ``, time.Time{}, 24 * time.Hour},
		{"manual_point_adjustment", ``, time.Time{}, 24 * time.Hour}, // not documented
	} {
		e := l.send(t, thrive(tt.name, tt.fields))
		if e.Effect != store.EffectListed || e.Kind != tt.name || e.Email != "nikil@zylker.com" || !e.At.Equal(tt.at) || e.RepeatWithin != tt.within {
			t.Errorf("%s%s: %s %q of %q at %v within %v (%s)", tt.name, tt.fields, e.Effect, e.Kind, e.Email, e.At, e.RepeatWithin, e.Reason)
		}
	}
	for _, body := range []string{`{}`, `{"code":200,"message":"success"}`, `{"code":200,"message":{}}`} {
		if e := l.send(t, body); e.Effect != store.EffectListed || e.Kind != "test" || !e.Test {
			t.Errorf("the test button: %s is a %s %q", body, e.Effect, e.Kind)
		}
	}
	for _, body := range []string{``, `[]`, thrive("two words", ""), "{ code: 200 }", `<a/>`} {
		if e := l.send(t, body); e.Effect != store.EffectUnknown || e.Reason == "" || strings.Contains(e.Reason, "two words") {
			t.Errorf("%s is a %s (%s)", body, e.Effect, e.Reason)
		}
	}
}

// thriveSamples are the documentation's samples, by the name of the event in them.
// That of tier_upgrade is shown there without quotes and commas.
var thriveSamples = map[string]string{
	"tier_upgrade":            `{"code":200,"message":{"email_id":"michael@zylker.com","previous_tier":"silver","current_tier":"gold","total_points":100,"user_program_id":826000000272057,"contact_id":826000000272053,"event":"tier_upgrade"}}`,
	"opt_in":                  `{"code":200,"message":{"email_id":"nikil@zylker.com","user_type":"customer","joined_date":1759218470551,"is_loyalty_optin":true,"last_name":"value","contact_id":5534000000070003,"user_program_id":5534000000070007,"event":"opt_in","first_name":"nikil"}}`,
	"new_purchase":            `{"code":200,"message":{"email_id":"john@zylker.com","amount":2345,"contact_id":826000000360171,"user_program_id":826000000360175,"purchase_time":1759730191692,"event":"new_purchase","order_id":"sdfvegbr","purchase_order_track_id":826000000360225}}`,
	"redeem_rewards":          `{"code":200,"message":{"email_id":"jacob@zylker.com","reward_name":"Custom Reward","total_points":3340,"redeemed_points":100,"user_program_id":2000000859031,"contact_id":2000000859027,"event":"redeem_rewards"}}`,
	"follow_instagram":        `{"code":200,"message":{"email_id":"sherin@zylker.com","points_details":100,"earned_points":470,"contact_id":826000000297001,"user_program_id":826000000297005,"event":"follow_instagram"}}`,
	"google_review_activity":  `{"code":200,"message":{"email_id":"enzo@zylker.com","points_details":10,"earned_points":110,"contact_id":826000000348001,"user_program_id":826000000348005,"event":"google_review_activity","review_details":"https://ennie.com"}}`,
	"testimonial_activity":    `{"code":200,"message":{"email_id":"bonnie@zylker.com","points_details":45,"earned_points":55,"contact_id":2000000870001,"user_program_id":2000000870005,"event":"testimonial_activity","review_details":"The product is so good"}}`,
	"custom_activity_tracker": `{"code":200,"message":{"email_id":"dustin@zylker.com","points_details":12,"earned_points":75,"unique_identifier":"customreward","contact_id":2000000858001,"user_program_id":2000000858005,"event":"custom_activity_tracker"}}`,
}

// thriveEvents are the 26 events of the documentation, each with the sample that it
// gives for it. Of most it does not say by what name the body calls them.
var thriveEvents = map[string]string{
	"Share on Facebook": "follow_instagram", "Share on X": "follow_instagram", "Make a Purchase": "new_purchase",
	"Become a Member": "opt_in", "Referral Purchase": "follow_instagram", "Refer a Friend": "follow_instagram",
	"Zoho Survey": "custom_activity_tracker", "Like us on Facebook": "follow_instagram", "Follow us on Instagram": "follow_instagram",
	"Follow us on LinkedIn": "follow_instagram", "Follow us on X": "follow_instagram", "Subscribe to us on YouTube": "follow_instagram",
	"Purchase Value Goal": "follow_instagram", "Purchase Count Goal": "follow_instagram", "Custom Task": "custom_activity_tracker",
	"Review on GetApp": "google_review_activity", "Review on Capterra": "google_review_activity", "Review on Product Hunt": "google_review_activity",
	"Review on Trustpilot": "google_review_activity", "Customer Testimonial": "testimonial_activity", "Review on Google": "google_review_activity",
	"Manual Point Adjustment": "custom_activity_tracker", "Reward Redemption": "redeem_rewards", "Tier Upgrade": "tier_upgrade",
	"Manual Referral Addition": "opt_in", "Manual Opt-in": "opt_in",
}

// TestThriveSamples: each of the 26 events is kept with its name and the address,
// in the form of its sample and under the sample's name, or another one.
func TestThriveSamples(t *testing.T) {
	t.Parallel()
	l := newLoyalty(t, webhook.ZohoThrive, nil)
	if len(thriveEvents) != 26 {
		t.Fatalf("%d events", len(thriveEvents))
	}
	for title, sample := range thriveEvents {
		for _, name := range []string{sample, strings.ReplaceAll(strings.ToLower(title), " ", "_")} {
			e := l.send(t, strings.Replace(thriveSamples[sample], `"event":"`+sample, `"event":"`+name, 1))
			if e.Effect != store.EffectListed || e.Kind != name || !strings.HasSuffix(e.Email, "@zylker.com") || e.Test {
				t.Errorf("%s as %s: %s %q of %q (%s)", title, name, e.Effect, e.Kind, e.Email, e.Reason)
			}
		}
	}
}

// TestThriveKey: a purchase is known by its order and its track, whatever else
// the body says; anything else by its body.
func TestThriveKey(t *testing.T) {
	t.Parallel()
	l := newLoyalty(t, webhook.ZohoThrive, nil)
	key := func(name, format string, args ...any) string {
		return l.send(t, thrive(name, fmt.Sprintf(format, args...))).Key
	}
	const order = `,"amount":%d,"order_id":%q,"purchase_order_track_id":%d`
	one := key("new_purchase", order, 5, "a", 9007199254740993)
	if key("new_purchase", order, 6, "a", 9007199254740993) != one {
		t.Error("a repeated purchase has another key")
	}
	if key("new_purchase", order, 5, "a", 9007199254740992) == one || key("new_purchase", order, 5, "b", 9007199254740993) == one {
		t.Error("another purchase has the same key")
	}
	first, again := key("opt_in", ""), key("opt_in", "")
	if first != again || key("opt_in", " ") == first {
		t.Error("other events are not known by their bodies")
	}
}

// TestLoyaltyForged: without the token nothing is kept, and XML is for Thyngs
// alone.
func TestLoyaltyForged(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{webhook.Thyngs, webhook.ZohoThrive} {
		l := newLoyalty(t, dialect, time.UTC)
		for want, edit := range map[int]func(http.Header){
			401: func(h http.Header) { h.Set("Authorization", "guess"); h.Set("X-Thrive-Token", "guess") },
			415: func(h http.Header) { h.Set("Content-Type", "text/plain") },
		} {
			r := request(schemes[2], `{}`)
			r.URL.Path = "/webhooks/acme/" + dialect
			edit(r.Header)
			if res := l.answer(r); res.StatusCode != want || len(l.box.take()) > 0 {
				t.Errorf("%s: answered %s, want %d", dialect, res.Status, want)
			}
		}
	}
	r := request(schemes[2], `<a/>`)
	r.URL.Path = "/webhooks/acme/" + webhook.ZohoThrive
	r.Header.Set("X-Thrive-Token", tokenSecret)
	r.Header.Set("Content-Type", "application/xml")
	if res := newLoyalty(t, webhook.ZohoThrive, nil).answer(r); res.StatusCode != 415 {
		t.Errorf("XML is answered %s", res.Status)
	}
}

// FuzzLoyalty sends any body to both dialects: it is kept, and changes no gift.
func FuzzLoyalty(f *testing.F) {
	for _, body := range []string{interaction, conversion, stamp, stampXML, thrive("opt_in", ""), thrive("new_purchase", `,"order_id":"a","purchase_order_track_id":1`), `<a b="c">&#x10ffff;<![CDATA[x]]></a>`} {
		f.Add([]byte(body), "Interaction", "Create")
	}
	thyngs, zoho := newLoyalty(f, webhook.Thyngs, time.UTC), newLoyalty(f, webhook.ZohoThrive, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte, item, event string) {
		if len(body) > 256<<10 {
			t.Skip()
		}
		for _, l := range []*loyalty{thyngs, zoho} {
			l.log.reset()
			e := l.send(t, string(body), "Item-Name", item, "Event-Name", event)
			if e.Effect != store.EffectListed && e.Effect != store.EffectUnknown {
				t.Errorf("%s: a %s of %q", l.dialect, e.Effect, body)
			}
		}
	})
}
