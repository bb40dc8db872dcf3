package hubspot_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/oauth2"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

const keyProperty = "thnks_transaction_id"

// switches are the interpretations of HubSpot's behaviour that the client must
// handle.
var switches = map[string]hubspottest.Options{
	"as documented": {Seed: 1},
	"the other way": {
		Seed: 2, FirstID: 1 << 60, AssociationPage: 2, InvalidLinks: hubspottest.DropLink, SecondaryByEmail: true,
		ArchivedHoldUnique: true, NoTraceEcho: true, TextIDs: true, NoAssociationsErrors: true, NoIsClosed: true,
	},
	"written and refused": {Seed: 3, InvalidLinks: hubspottest.WriteThenRefuse},
}

// eachPortal runs a test on a portal of every kind, in virtual time.
func eachPortal(t *testing.T, f func(t *testing.T, p *hubspottest.Portal, c *hubspot.Client, giftType string)) {
	for name, options := range switches {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := contract.New(t, options)
				c := portalClient(t, p)
				f(t, p, c, giftObject(t, c))
			})
		})
	}
}

// portalClient returns a client of the portal.
func portalClient(t *testing.T, p *hubspottest.Portal) *hubspot.Client {
	t.Helper()
	c, err := hubspot.New(hubspot.Config{
		BaseURL:   "https://api.hubapi.com",
		Token:     oauth2.StaticTokenSource(&oauth2.Token{AccessToken: p.Token()}),
		Transport: hubspottest.Transport(p),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// giftObject creates the custom object and returns its type id.
func giftObject(t *testing.T, c *hubspot.Client) string {
	t.Helper()
	s, err := c.CreateSchema(t.Context(), hubspot.NewSchema{
		Name: "thnks", Labels: hubspot.Labels{Singular: "Thnks gift", Plural: "Thnks gifts"},
		PrimaryDisplayProperty: "gift_name",
		RequiredProperties:     []string{keyProperty},
		AssociatedObjects:      []string{"0-1", "0-2", "0-3"},
		Properties: []hubspot.Property{
			{Name: keyProperty, Label: "Transaction ID", Type: "string", FieldType: "text", HasUniqueValue: true},
			{Name: "gift_name", Label: "Gift Name", Type: "string", FieldType: "text"},
			{Name: "message", Label: "Message", Type: "string", FieldType: "textarea"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.ObjectTypeID
}

// contactType returns the unlabelled type of gift → contact associations.
func contactType(t *testing.T, c *hubspot.Client, giftType string) hubspot.AssociationType {
	t.Helper()
	types, err := c.AssociationTypes(t.Context(), giftType, "0-1")
	if err != nil {
		t.Fatal(err)
	}
	for _, lt := range types {
		if lt.Label == "" {
			return lt.AssociationType
		}
	}
	t.Fatalf("no unlabelled type among %v", types)
	return hubspot.AssociationType{}
}

func newGifts(n int) []hubspot.NewObject {
	in := make([]hubspot.NewObject, n)
	for i := range in {
		in[i].Properties = map[string]string{keyProperty: fmt.Sprintf("T-%d", i), "gift_name": "Coffee"}
	}
	return in
}

func TestPortalGifts(t *testing.T) {
	eachPortal(t, func(t *testing.T, p *hubspottest.Portal, c *hubspot.Client, giftType string) {
		linkType := contactType(t, c, giftType)
		contact := p.AddContact("a@example.com", nil)
		in := newGifts(250)
		for i := range in {
			in[i].Links = []hubspot.NewLink{{ToID: contact, Type: linkType}}
		}
		in[7].Properties["message"] = strings.Repeat("x", 70_000)
		in[8].Links[0].ToID = "404404"
		in[9].Properties["no_such"] = "1"
		known := p.AddRecord(giftType, map[string]string{keyProperty: "T-10", "gift_name": "Tea"})
		buried := p.AddRecord(giftType, map[string]string{keyProperty: "T-11"})
		p.Archive(giftType, buried)

		out, err := c.Create(t.Context(), giftType, keyProperty, in)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			key := in[i].Properties[keyProperty]
			e, _ := hubspot.AsError(o.Err)
			live := p.Find(giftType, keyProperty, key)
			switch {
			case i == 7 || i == 9:
				if e == nil || e.Kind != hubspot.Refused || len(live) != 0 {
					t.Errorf("%s: %+v", key, o)
				}
			case i == 11 && e != nil:
				if e.Kind != hubspot.Archived || !slices.Equal(e.IDs, []string{buried}) {
					t.Errorf("%s: %+v", key, o)
				}
			case o.Err != nil || len(live) != 1 || o.Object.ID != live[0].ID:
				t.Errorf("%s: %+v, portal has %v", key, o, live)
			case i == 10 && (!o.Existed || o.Object.ID != known || o.Object.Properties["gift_name"] != "Tea"):
				t.Errorf("existing record: %+v", o)
			case i != 8 && i != 10 && len(p.Links(giftType, o.Object.ID)["contacts"]) != 1:
				t.Errorf("%s: links %v", key, p.Links(giftType, o.Object.ID))
			}
		}

		// Again, everything is there; a lost answer changes nothing.
		p.Fault(hubspottest.Fault{PathContains: "batch/create", Kind: hubspottest.ResetConn, AfterEffect: true})
		in = append(newGifts(250)[20:120], newGifts(400)[300:]...)
		again, err := c.Create(t.Context(), giftType, keyProperty, in)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range again {
			if o.Err != nil || i < 100 && (!o.Existed || o.Object.ID != out[20+i].Object.ID) || len(p.Find(giftType, keyProperty, in[i].Properties[keyProperty])) != 1 {
				t.Errorf("again, input %d: %+v", i, o)
			}
		}
	})
}

func TestPortalUpdate(t *testing.T) {
	eachPortal(t, func(t *testing.T, p *hubspottest.Portal, c *hubspot.Client, giftType string) {
		var in []hubspot.Patch
		for i := range 120 {
			id := p.AddRecord(giftType, map[string]string{keyProperty: fmt.Sprint(i)})
			in = append(in, hubspot.Patch{ID: id, Properties: map[string]string{"gift_name": "Tea"}})
		}
		p.Archive(giftType, in[3].ID)
		in[4].Properties["no_such"] = "1"
		out, err := c.Update(t.Context(), giftType, in)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			e, _ := hubspot.AsError(o.Err)
			switch {
			case i == 3 && (e == nil || e.Kind != hubspot.NotFound),
				i == 4 && (e == nil || e.Kind != hubspot.Refused),
				i != 3 && i != 4 && (e != nil || o.Object.ID != in[i].ID || o.Object.Properties["gift_name"] != "Tea"):
				t.Errorf("input %d: %+v", i, o)
			}
		}

		a, b := p.AddContact("a@example.com", nil), p.AddContact("b@example.com", nil)
		now := p.Merge("0-1", a, b)
		out, err = c.Update(t.Context(), "0-1", []hubspot.Patch{{ID: a, Properties: map[string]string{"firstname": "A"}}})
		if err != nil || out[0].Err != nil || out[0].Object.ID != now {
			t.Errorf("merged contact: %+v, error %v, want id %s", out[0], err, now)
		}
	})
}

func TestPortalPeople(t *testing.T) {
	eachPortal(t, func(t *testing.T, p *hubspottest.Portal, c *hubspot.Client, giftType string) {
		var addresses, ids []string
		for i := range 130 {
			addresses = append(addresses, fmt.Sprintf("p%d@example.com", i))
			if i%2 == 0 {
				ids = append(ids, p.AddContact(addresses[i], map[string]string{"hs_additional_emails": fmt.Sprintf("s%d@example.com", i)}))
			}
		}
		deals := []string{p.AddDeal(map[string]string{"dealname": "A"}), p.AddDeal(map[string]string{"dealname": "B"}), p.AddDeal(map[string]string{"dealname": "C"})}
		for _, d := range deals {
			p.Associate("0-1", ids[0], "0-3", d)
		}
		found, err := c.ContactsByEmail(t.Context(), addresses, []string{"createdate"})
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range found {
			if o.Err != nil || len(o.Found) != 1-i%2 || i%2 == 0 && o.Found[0].ID != ids[i/2] {
				t.Errorf("%s: %+v", addresses[i], o)
			}
		}
		related, err := c.Associated(t.Context(), "0-1", "0-3", ids)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range related {
			var got []string
			for _, r := range o.Found {
				got = append(got, r.ToID)
			}
			if i == 0 && !slices.Equal(got, deals) || i > 0 && got != nil || o.Err != nil {
				t.Errorf("contact %d: %+v", i, o)
			}
		}

		gift := p.AddRecord(giftType, map[string]string{keyProperty: "T-1"})
		in := []hubspot.Pair{{FromID: gift, ToID: "404404"}}
		for _, id := range ids {
			in = append(in, hubspot.Pair{FromID: gift, ToID: id})
		}
		for i := range in {
			in[i].Types = []hubspot.AssociationType{contactType(t, c, giftType)}
		}
		out, err := c.Associate(t.Context(), giftType, "0-1", in)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			if (o.Err != nil) != (i == 0) {
				t.Errorf("pair %d: %+v", i, o)
			}
		}
		if got := p.Links(giftType, gift)["contacts"]; len(got) != len(ids) {
			t.Errorf("%d contacts are linked, want %d", len(got), len(ids))
		}
	})
}

func TestPortalDefinitions(t *testing.T) {
	eachPortal(t, func(t *testing.T, p *hubspottest.Portal, c *hubspot.Client, giftType string) {
		ctx := t.Context()
		if err := c.CreatePropertyGroup(ctx, giftType, hubspot.PropertyGroup{Name: "thnks_hubspot_sync", Label: "Thnks"}); err != nil {
			t.Fatal(err)
		}
		errs, err := c.CreateProperties(ctx, giftType, []hubspot.Property{
			{Name: "status", Label: "Status", GroupName: "thnks_hubspot_sync", Type: "enumeration", FieldType: "select", Options: []hubspot.Option{{Label: "Sent", Value: "sent"}}},
			{Name: "gift_name", Label: "Gift Name", GroupName: "thnks_hubspot_sync", Type: "string", FieldType: "text"},
			{Name: "bad", Label: "Bad", GroupName: "thnks_hubspot_sync", Type: "string", FieldType: "number"},
		})
		if err != nil || errs[0] != nil || errs[1] != nil || errs[2] == nil {
			t.Errorf("properties: %v, error %v", errs, err)
		}
		options := []hubspot.Option{{Label: "Sent", Value: "sent"}, {Label: "Opened", Value: "opened", DisplayOrder: 1}}
		if err := c.UpdateProperty(ctx, giftType, "status", hubspot.PropertyPatch{Options: options}); err != nil {
			t.Error(err)
		}
		properties, err := c.Properties(ctx, giftType)
		if i := slices.IndexFunc(properties, func(p hubspot.Property) bool { return p.Name == "status" }); err != nil || i < 0 || !slices.Equal(properties[i].Options, options) {
			t.Errorf("properties %+v, error %v", properties, err)
		}
		schemas, err := c.Schemas(ctx)
		if err != nil || len(schemas) != 1 || len(schemas[0].Associations) == 0 {
			t.Errorf("schemas %+v, error %v", schemas, err)
		}
		groups, err := c.PropertyGroups(ctx, giftType)
		if err != nil || !slices.Contains(groups, hubspot.PropertyGroup{Name: "thnks_hubspot_sync", Label: "Thnks"}) {
			t.Errorf("groups %v, error %v", groups, err)
		}
		account, err := c.Account(ctx)
		if err != nil || account.ID != fmt.Sprint(p.ID()) || account.TimeZone == "" {
			t.Errorf("account %+v, error %v", account, err)
		}
		pipelines, err := c.Pipelines(ctx, "deals")
		if err != nil || len(pipelines) == 0 || !slices.ContainsFunc(pipelines[0].Stages, func(s hubspot.Stage) bool { return s.ID == "closedwon" && s.Closed }) {
			t.Errorf("pipelines %+v, error %v", pipelines, err)
		}
		page, err := c.List(ctx, giftType, "", 100, false, []string{keyProperty})
		if err != nil || len(page.Objects) != 0 || page.After != "" {
			t.Errorf("page %+v, error %v", page, err)
		}
	})
}
