package webhook_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"thnks-hubspot-sync/store"
)

// subscriptionFile is the part of the HubSpot app that says which webhooks it gets.
const subscriptionFile = "../../hubspot/app/src/app/webhooks/webhooks-hsmeta.json"

// A subscription is one entry of it.
type subscription struct {
	Type     string `json:"subscriptionType"`
	Object   string `json:"objectType"`
	Property string `json:"propertyName"`
	Active   bool   `json:"active"`
}

// TestSubscriptions: the app subscribes to the events that say something about
// gifts, and to no others.
func TestSubscriptions(t *testing.T) {
	t.Parallel()
	s := newHubSpotSite(t)
	useful := make(map[subscription]bool)
	try := func(sub subscription, fields string) {
		if code := s.post(mainSecret, "["+hubspotJSON(7, fields)+"]"); code != 200 {
			t.Fatalf("%s is answered %d", fields, code)
		}
		if events := s.small.take(); len(events) == 1 && events[0].Effect == store.EffectRecord {
			useful[sub] = true
		}
	}
	for object, id := range map[string]string{"contact": "0-1", "company": "0-2", "deal": "0-3"} {
		for _, verb := range []string{"creation", "restore", "deletion", "merge", "associationChange"} {
			sub := subscription{Type: "object." + verb, Object: object, Active: true}
			try(sub, fmt.Sprintf(`"subscriptionType":%q,"objectTypeId":%q,"objectId":1,"newObjectId":2,"fromObjectId":1,"toObjectId":2,"associationType":"%s_TO_%s"`,
				sub.Type, id, strings.ToUpper(object), map[bool]string{true: "COMPANY", false: "CONTACT"}[object == "contact"]))
		}
		for _, property := range []string{"email", "hs_additional_emails", "dealstage", "lastname", "amount", "domain"} {
			sub := subscription{Type: "object.propertyChange", Object: object, Property: property, Active: true}
			try(sub, fmt.Sprintf(`"subscriptionType":%q,"objectTypeId":%q,"objectId":1,"propertyName":%q,"propertyValue":"x"`, sub.Type, id, property))
		}
	}
	privacy := subscription{Type: "contact.privacyDeletion", Active: true}
	try(privacy, `"subscriptionType":"contact.privacyDeletion","objectId":1`)

	var file struct {
		Config struct {
			Subscriptions map[string][]subscription `json:"subscriptions"`
		} `json:"config"`
	}
	text, err := os.ReadFile(subscriptionFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	subscribed := make(map[subscription]bool)
	for _, list := range file.Config.Subscriptions {
		for _, sub := range list {
			if subscribed[sub] {
				t.Errorf("%+v stands there twice", sub)
			}
			subscribed[sub] = true
		}
	}
	if !maps.Equal(useful, subscribed) {
		t.Errorf("the events of use are\n%+v,\nand the app subscribes to\n%+v", sortedSubscriptions(useful), sortedSubscriptions(subscribed))
	}
	if events := file.Config.Subscriptions["hubEvents"]; !slices.Equal(events, []subscription{privacy}) {
		t.Errorf("deletions for privacy are an event of the account, which subscribes to %+v", events)
	}
}

func sortedSubscriptions(set map[subscription]bool) []string {
	var list []string
	for s := range set {
		list = append(list, strings.TrimSpace(s.Type+" "+s.Object+" "+s.Property))
	}
	slices.Sort(list)
	return list
}
