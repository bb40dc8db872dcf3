package sync_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestObjectIsCreatedAsTheContractSays reads the definition back from the
// portal.
func TestObjectIsCreatedAsTheContractSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{SchemaLag: time.Minute, PropertyLag: 700 * time.Millisecond}, thnksapitest.Options{})
		w.Must(giftsync.Backfill)
		s, ok := w.Portal.SchemaOf("thnks")
		if !ok {
			t.Fatal("no custom object thnks")
		}
		if s.Singular != "Thnks" || s.Plural != "Thnks" || s.Primary != "gift_name" {
			t.Errorf("labels %q/%q, primary %q", s.Singular, s.Plural, s.Primary)
		}
		want := []string{"gift_name", "recipient_email", "recipient_name", "sender_email", "thnks_transaction_id"}
		if got := slices.Sorted(slices.Values(s.Searchable)); !slices.Equal(got, want) {
			t.Errorf("searchable %v, want %v", got, want)
		}
		if !slices.Equal(s.Required, []string{"thnks_transaction_id"}) {
			t.Errorf("required %v", s.Required)
		}
		for _, to := range []string{"contacts", "companies", "deals"} {
			if !slices.Contains(s.AssociatedWith, to) {
				t.Errorf("no association with %s", to)
			}
		}
		// The table of the contract, retyped.
		table := map[string]string{
			"thnks_transaction_id": "Transaction ID string/text",
			"gift_name":            "Gift Name string/text",
			"gift_type":            "Gift Type string/text",
			"gift_amount":          "Gift Amount number/number",
			"gift_currency":        "Gift Currency enumeration/select",
			"sender_name":          "Sender Name string/text",
			"sender_email":         "Sender Email string/text",
			"recipient_name":       "Recipient Name string/text",
			"recipient_email":      "Recipient Email string/text",
			"recipient_phone":      "Recipient Phone string/phonenumber",
			"status":               "Status enumeration/select",
			"status_raw":           "Status (as reported) string/text",
			"message":              "Message string/textarea",
			"scheduled_date":       "Scheduled Date datetime/date",
			"sent_date":            "Sent Date datetime/date",
			"delivered_date":       "Delivered Date datetime/date",
			"opened_date":          "Opened Date datetime/date",
			"redeemed_date":        "Redeemed Date datetime/date",
			"refunded_date":        "Refunded Date datetime/date",
			"expired_date":         "Expired Date datetime/date",
			"undelivered_date":     "Undelivered Date datetime/date",
			"donated_date":         "Donated Date datetime/date",
			"tracking_url":         "Tracking URL string/text",
			"parcel_status":        "Parcel Status string/text",
			"parcel_status_date":   "Parcel Status Date datetime/date",
			"thank_you_note":       "Thank-you Note string/textarea",
		}
		for _, p := range s.Properties {
			want, ok := table[p.Name]
			if !ok {
				continue // HubSpot's own
			}
			delete(table, p.Name)
			if got := p.Label + " " + p.Type + "/" + p.FieldType; got != want {
				t.Errorf("%s is %q, want %q", p.Name, got, want)
			}
			if p.Group != "thnks_hubspot_sync" {
				t.Errorf("%s is in group %q", p.Name, p.Group)
			}
			switch p.Name {
			case "thnks_transaction_id":
				if !p.Unique {
					t.Error("the transaction id is not unique")
				}
			case "gift_amount":
				if p.NumberDisplayHint != "currency" || p.CurrencyPropertyName != "gift_currency" {
					t.Errorf("gift_amount: hint %q, currency of %q", p.NumberDisplayHint, p.CurrencyPropertyName)
				}
			case "sender_email", "recipient_email":
				if p.TextDisplayHint != "email" {
					t.Errorf("%s: hint %q", p.Name, p.TextDisplayHint)
				}
			case "status":
				if got := strings.Join(p.Options, ","); got != "scheduled,sent,delivered,opened,redeemed,refunded,expired,undelivered,donated,unknown" {
					t.Errorf("status options %s", got)
				}
			}
		}
		if len(table) > 0 {
			t.Errorf("properties missing: %v", table)
		}
	})
}

// TestObjectRefusals: what must stop the portal before any write, and say
// what to do.
func TestObjectRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		opt   hubspottest.Options
		spoil func(*simulation.World)
		says  []string
	}{
		{
			name:  "a stranger's object",
			spoil: func(w *simulation.World) { w.Portal.AddForeignSchema("thnks") },
			says:  []string{"did not make", "portals[].hubspot.object", "check --adopt 2-"},
		},
		{
			name:  "no room for another object",
			opt:   hubspottest.Options{MaxCustomTypes: 1},
			spoil: func(w *simulation.World) { w.Portal.AddForeignSchema("boats") },
			says:  []string{"refuses to make the custom object thnks", "make room"},
		},
		{
			name: "no Enterprise tier",
			opt:  hubspottest.Options{Tier: hubspottest.Professional},
			says: []string{"Enterprise"},
		},
		{
			name: "a missing scope",
			opt:  hubspottest.Options{Scopes: []string{"oauth", "crm.objects.contacts.read", "crm.objects.custom.read", "crm.objects.custom.write"}},
			says: []string{"lacks crm.schemas.custom"},
		},
		{
			name: "a missing scope that is needed last",
			opt:  hubspottest.Options{Scopes: slices.DeleteFunc(hubspottest.DefaultScopes(), func(s string) bool { return s == "crm.objects.custom.write" })},
			says: []string{"lacks crm.objects.custom.write:"},
		},
		{
			name: "a token that is not accepted",
			spoil: func(w *simulation.World) {
				w.Portal.SetToken("another")
				w.Portal.Fault(hubspottest.Fault{Status: 401, Count: -1})
			},
			says: []string{"does not accept the token", "token_file"},
		},
		{
			name: "an object like the one that a run was to create, with a key that is not unique",
			spoil: func(w *simulation.World) {
				st := w.Open()
				defer st.Close()
				if err := st.Commit(store.Commit{Meta: map[string][]byte{giftsync.MetaCreating: []byte(`"thnks"`)}}); err != nil {
					w.T.Fatal(err)
				}
				w.Portal.AddForeignSchema("thnks", simulation.TextProperty("thnks_transaction_id"))
			},
			says: []string{"no longer unique"},
		},
		{
			name:  "another account's token",
			spoil: func(w *simulation.World) { w.Configure = func(c *giftsync.Config) { c.AccountID = "4711" } },
			says:  []string{"account 62515", "bound to account 4711"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.New(t, tt.opt, thnksapitest.Options{})
				w.Thnks.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 10, Recipients: 5})...)
				if tt.spoil != nil {
					tt.spoil(w)
				}
				before := w.Portal.Snapshot()
				defined, _ := w.Portal.SchemaOf("thnks")
				_, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill})
				var fatal *giftsync.Fatal
				if !errors.As(err, &fatal) {
					t.Fatalf("got %v, want a fatal error", err)
				}
				if now, _ := w.Portal.SchemaOf("thnks"); len(now.Properties) != len(defined.Properties) {
					t.Errorf("the object had %d properties and has %d", len(defined.Properties), len(now.Properties))
				}
				for _, s := range tt.says {
					if !strings.Contains(err.Error(), s) {
						t.Errorf("%q does not say %q", err, s)
					}
				}
				if !simulation.Same(before, w.Portal.Snapshot()) {
					t.Error("something was written")
				}
			})
		})
	}
}

// TestObjectDrift: what people do to the object later.
func TestObjectDrift(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		drift func(*simulation.World)
		says  string // "" if the run repairs it
	}{
		{"a property is missing", func(w *simulation.World) { w.Portal.ArchiveProperty("thnks", "tracking_url") }, ""},
		{"options are missing", func(w *simulation.World) { w.Portal.SetOptions("thnks", "status", "sent", "opened", "mine") }, ""},
		{"an option has the label of a missing one", func(w *simulation.World) { w.Portal.SetOptions("thnks", "status", "sent", "opened", "Redeemed") }, ""},
		{"the unique property is missing", func(w *simulation.World) { w.Portal.ArchiveProperty("thnks", "thnks_transaction_id") }, "no longer unique"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
				w.Must(giftsync.Backfill)
				tt.drift(w)
				w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 2, N: 100, Recipients: 30}), 0.8)
				_, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill})
				if tt.says != "" {
					if err == nil || !strings.Contains(err.Error(), tt.says) {
						t.Fatalf("got %v, want words about %q", err, tt.says)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				w.Check()
				s, _ := w.Portal.SchemaOf("thnks")
				i := slices.IndexFunc(s.Properties, func(p hubspottest.Property) bool { return p.Name == "status" })
				if tt.name == "options are missing" && !slices.Contains(s.Properties[i].Options, "mine") {
					t.Error("an option that people added is gone")
				}
			})
		})
	}
}

// TestAmountsWithoutCurrency: an account that knows no currency beside an amount
// has plain numbers.
func TestAmountsWithoutCurrency(t *testing.T) {
	t.Parallel()
	for refused, want := range map[bool]string{false: "currency", true: "formatted"} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{NoCurrencyProperty: refused}, thnksapitest.Options{})
			w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: 20, Recipients: 5}), 0.8)
			w.Must(giftsync.Backfill)
			w.Check()
			s, _ := w.Portal.SchemaOf("thnks")
			i := slices.IndexFunc(s.Properties, func(p hubspottest.Property) bool { return p.Name == "gift_amount" })
			if got := s.Properties[i].NumberDisplayHint; got != want {
				t.Errorf("refused: %v; the amount is shown as %q, want %q", refused, got, want)
			}
		})
	}
}

// TestAPropertyRestoredWithAnotherTypeStopsThePortal: HubSpot brings an
// archived property back as it was, so deleting one of a wrong type repairs nothing;
// the portal stops before it is brought back, and says what does.
func TestAPropertyRestoredWithAnotherTypeStopsThePortal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Must(giftsync.Backfill)
		live := func() (n int) {
			s, _ := w.Portal.SchemaOf("thnks")
			for _, p := range s.Properties {
				if !p.Archived {
					n++
				}
			}
			return n
		}
		stops := func(when string) {
			t.Helper()
			before := live()
			_, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill})
			var fatal *giftsync.Fatal
			if !errors.As(err, &fatal) || !strings.Contains(err.Error(), "gift_name is of type number, not string") || !strings.Contains(err.Error(), "for good") {
				t.Errorf("%s: got %v", when, err)
			}
			if after := live(); after != before {
				t.Errorf("%s: the object has %d properties, and had %d before the run", when, after, before)
			}
		}
		w.Portal.RetypeProperty("thnks", "gift_name", "number", "number")
		stops("retyped")
		w.Portal.ArchiveProperty("thnks", "gift_name")
		stops("deleted")
	})
}

// TestWriteScopesOnTheFarSide: HubSpot does not say whether a link to a company
// or deal needs their write scope as well. Where it does, the run goes on without such
// links and says which scope is missing, and the next one with it makes them.
func TestWriteScopesOnTheFarSide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 71, FarSideWrite: true}, thnksapitest.Options{})
		logs := new(simulation.LogBuffer)
		w.Logger = slog.New(slog.NewJSONHandler(logs, nil))
		w.AddGift("T-1", "ann@example.com", simulation.Day)
		w.Must(giftsync.Backfill)
		w.AddPerson("ann@example.com")
		w.Must(giftsync.Reassociate)
		if got := w.Links(w.Record("T-1")); len(got["contacts"]) != 1 || len(got["companies"])+len(got["deals"]) != 0 {
			t.Errorf("without the scopes it is linked to %v", got)
		}
		if !strings.Contains(logs.String(), ".write") {
			t.Errorf("no line names the scope:\n%s", logs)
		}
		w.Portal.SetScopes(append(hubspottest.DefaultScopes(), "crm.objects.companies.write", "crm.objects.deals.write")...)
		w.Must(giftsync.Reassociate)
		w.Must(giftsync.ReassociateAll)
		if got := w.Links(w.Record("T-1")); len(got["contacts"]) != 1 || len(got["companies"]) != 1 || len(got["deals"]) != 1 {
			t.Errorf("linked to %v, want contact, company and deal", got)
		}
	})
}
