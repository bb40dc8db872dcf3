package thnksapitest

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A Message is what another system than Thnks posts to a webhook endpoint. A
// [Sender] posts it.
type Message struct {
	Header http.Header // beside the headers that prove it
	Body   []byte
}

// thyngsKinds are the events of MyThyngs (https://api.thyngs.net/Webhook), each with
// the item and the event that the headers name. These are inferred: the page gives
// examples only.
var thyngsKinds = []struct{ title, item, event string }{
	{"COMPANY INFO UPDATED", "Company", "Update"},
	{"CONVERSION OCCURED", "Conversion", "Create"},
	{"FORM RESPONSE COLLECTED", "Form Response", "Create"},
	{"GIFTAID COLLECTED", "Gift Aid", "Create"},
	{"INTERACTION OCCURED", "Interaction", "Create"},
	{"NEW USER COMPANY ADDED", "User Company", "Create"},
	{"OBJECT ADDED", "Object", "Create"},
	{"OBJECT DELETED", "Object", "Delete"},
	{"OBJECT UPDATED", "Object", "Update"},
	{"PAGE ADDED", "Page", "Create"},
	{"PAGE DELETED", "Page", "Delete"},
	{"PAGE UPDATED", "Page", "Update"},
	{"PROJECT ADDED", "Project", "Create"},
	{"PROJECT DELETED", "Project", "Delete"},
	{"PROJECT UPDATED", "Project", "Update"},
	{"REDEMPTION CODE GIVEN", "Redemption Code", "Create"},
	{"STAMP COLLECTED", "Stamp", "Create"},
	{"SUBSCRIPTION CREATED", "Subscription", "Create"},
	{"SUBSCRIPTION UPDATED", "Subscription", "Update"},
	{"THYNG ADDED", "Thyng", "Create"},
	{"THYNG DELETED", "Thyng", "Delete"},
	{"THYNG UPDATED", "Thyng", "Update"},
}

// ThyngsEvents returns the titles of the 22 events of MyThyngs.
func ThyngsEvents() []string {
	var titles []string
	for _, k := range thyngsKinds {
		titles = append(titles, k.title)
	}
	return titles
}

// ThyngsMessage returns the n-th event of that title, in JSON or, as an integration
// may choose, in XML. Stamps and redemption codes name a person at acme.example. With n
// of 4, 9, 14, … models that can be a demonstration are one. It panics if there is no
// such event.
func ThyngsMessage(title string, n int, at time.Time, asXML bool) Message {
	for _, k := range thyngsKinds {
		if k.title != title {
			continue
		}
		model := thyngsModel(k.item, n, at)
		m := Message{Header: make(http.Header), Body: encode(model.json())}
		m.Header.Set("Content-Type", "application/json")
		if asXML {
			m.Body = []byte(xml.Header + model.xml(strings.ReplaceAll(k.item, " ", "")+"Model"))
			m.Header.Set("Content-Type", "text/xml; charset=utf-8")
		}
		m.Header.Set("Item-Name", k.item)
		m.Header.Set("Event-Name", k.event)
		return m
	}
	panic("thnksapitest: MyThyngs has no event " + title)
}

// A model is what MyThyngs posts: fields in order, of which some hold a model.
type model []struct {
	name  string
	value any
}

func (m model) json() map[string]any {
	fields := make(map[string]any, len(m))
	for _, f := range m {
		if inner, ok := f.value.(model); ok {
			fields[f.name] = inner.json()
		} else {
			fields[f.name] = f.value
		}
	}
	return fields
}

func (m model) xml(name string) string {
	var b strings.Builder
	b.WriteString("<" + name + ">")
	for _, f := range m {
		switch value := f.value.(type) {
		case model:
			b.WriteString(value.xml(f.name))
		case nil:
			b.WriteString("<" + f.name + ` xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" />`)
		default:
			b.WriteString("<" + f.name + ">")
			_ = xml.EscapeText(&b, []byte(fmt.Sprint(value))) // a builder never fails
			b.WriteString("</" + f.name + ">")
		}
	}
	b.WriteString("</" + name + ">")
	return b.String()
}

// thyngsModel is the body of an event about an item
// (https://api.thyngs.net/Webhook/Details/). That of items whose page is not known is
// invented.
func thyngsModel(item string, n int, at time.Time) model {
	stamp := at.Format("01/02/2006 15:04:05.000") // in the portal's zone, without naming it
	interaction := model{
		{"Id", n},
		{"InteractionTime", stamp},
		{"InteractionType", nil},
		{"Latitude", nil},
		{"Longitude", nil},
		{"ThyngCode", "abc"},
		{"ThyngDetailId", 7},
		{"UserId", fmt.Sprintf("u-%d", n)},
	}
	conversion := model{
		{"Id", n},
		{"ConversionTime", stamp},
		{"Demo", n%5 == 4},
		{"Details", "a & b"},
		{"ExtensionId", nil},
		{"GoalType", 1},
		{"Interaction", interaction},
		{"Value", 5.5},
	}
	switch item {
	case "Interaction":
		return interaction
	case "Conversion":
		return conversion
	case "Stamp", "Redemption Code":
		m := model{
			{"AppUserId", fmt.Sprintf("u-%d", n)},
			{"Email", fmt.Sprintf("person%d@acme.example", n)},
			{"Name", "Ann Example"},
			{"Optin", false},
			{"RegisterDate", stamp},
			{"Location", "Berlin"},
			{"FirstStamp", conversion},
			{"FirstStampLocation", "Berlin"},
			{"Stamp", conversion},
			{"Type", "stamp"},
		}
		if item == "Redemption Code" {
			m = append(m, model{{"RedemptionCode", fmt.Sprintf("R-%d", n)}}...)
		}
		return m
	case "Subscription":
		return model{
			{"Id", n},
			{"Amount", 9.99},
			{"Currency", "gbp"},
			{"Interval", "month"},
			{"IntervalCount", 1},
			{"PlanID", "p"},
			{"Status", "active"},
			{"BillingPeriodStartDate", stamp},
			{"BillingPeriodEndDate", stamp},
			{"CreatedDate", stamp},
			{"CancelledDate", nil},
			{"Demo", n%5 == 4},
			{"Conversion", conversion},
			{"MetaData", model{{"source", "web"}}},
		}
	default:
		return model{{"Id", n}, {"Name", item + " <1>"}}
	}
}

// thriveKinds are the events of Zoho Thrive, each with the name that a body calls it
// by. Of most the name is invented: the page gives eight
// (https://help.zoho.com/portal/en/kb/zoho-thrive/organization-settings/developer-settings/webhooks/articles/webhooks-in-zoho-thrive).
var thriveKinds = []struct{ title, name string }{
	{"Share on Facebook", "share_facebook"},
	{"Share on X", "share_x"},
	{"Make a Purchase", "new_purchase"},
	{"Become a Member", "become_member"},
	{"Referral Purchase", "referral_purchase"},
	{"Refer a Friend", "refer_friend"},
	{"Zoho Survey", "zoho_survey"},
	{"Like us on Facebook", "like_facebook"},
	{"Follow us on Instagram", "follow_instagram"},
	{"Follow us on LinkedIn", "follow_linkedin"},
	{"Follow us on X", "follow_x"},
	{"Subscribe to us on YouTube", "subscribe_youtube"},
	{"Purchase Value Goal", "purchase_value_goal"},
	{"Purchase Count Goal", "purchase_count_goal"},
	{"Custom Task", "custom_activity_tracker"},
	{"Review on GetApp", "getapp_review_activity"},
	{"Review on Capterra", "capterra_review_activity"},
	{"Review on Product Hunt", "producthunt_review_activity"},
	{"Review on Trustpilot", "trustpilot_review_activity"},
	{"Customer Testimonial", "testimonial_activity"},
	{"Review on Google", "google_review_activity"},
	{"Manual Point Adjustment", "manual_point_adjustment"},
	{"Reward Redemption", "redeem_rewards"},
	{"Tier Upgrade", "tier_upgrade"},
	{"Manual Referral Addition", "referral_addition"},
	{"Manual Opt-in", "opt_in"},
}

// ThriveEvents returns the titles of the 26 events of Zoho Thrive.
func ThriveEvents() []string {
	var titles []string
	for _, k := range thriveKinds {
		titles = append(titles, k.title)
	}
	return titles
}

// ThriveMessage returns the n-th event of that title, about a person at acme.example.
// Its ids are beyond what a float64 holds. It panics if there is no such event.
func ThriveMessage(title string, n int, at time.Time) Message {
	for _, k := range thriveKinds {
		if k.title != title {
			continue
		}
		const beyond = 1<<53 + 1
		fields := map[string]any{
			"event": k.name, "email_id": fmt.Sprintf("person%d@acme.example", n), "contact_id": beyond + n, "user_program_id": beyond + 2*n,
			"total_points": 100, "earned_points": n,
		}
		switch k.name {
		case "new_purchase":
			fields["amount"], fields["order_id"], fields["purchase_order_track_id"], fields["purchase_time"] = 2345, fmt.Sprintf("o-%d", n), beyond+n, at.UnixMilli()
		case "opt_in", "become_member", "referral_addition":
			fields["user_type"], fields["joined_date"], fields["is_loyalty_optin"] = "customer", at.UnixMilli(), true
		}
		return Message{Body: encode(map[string]any{"code": 200, "message": fields})}
	}
	panic("thnksapitest: Zoho Thrive has no event " + title)
}
