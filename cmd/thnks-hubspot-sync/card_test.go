package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

// sends lets the installation's portal send gifts.
func (i *oauthInstallation) sends() {
	i.t.Helper()
	path := filepath.Join(i.dir, "config.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		i.t.Fatal(err)
	}
	i.write("config.yaml", string(text)+`    sending:
      test_mode: false
      allow: ["*"]
      currency: USD
      catalogue: [{gift: 5659, name: Morning Coffee, price: "7.50"}, {gift: 5671, name: Lunch on Us, price: "25.00"}]
      budget: {sender: "100.00", portal: "100.00"}
      approve_above: "20.00"
`)
}

// ready waits until the service serves HubSpot's pages, and returns what ends it.
func (i *oauthInstallation) ready() (end func()) {
	i.t.Helper()
	c := i.start("run")
	for !strings.Contains(c.err.String(), "daemon ready") {
		select {
		case got := <-c.ended:
			i.t.Fatalf("the service ends with %d: %s", got, c.err.String())
		case <-time.After(time.Millisecond):
		}
	}
	return func() {
		c.stop()
		<-c.ended
	}
}

// approvedByWorkflow has a workflow send a gift that a person approves, and returns
// how the workflow goes on.
func (i *oauthInstallation) approvedByWorkflow() hubspottest.Execution {
	i.t.Helper()
	contact := i.portal.AddContact("wanda@acme.example", map[string]string{"firstname": "Wanda"})
	flow := hubspottest.Workflow{
		URL: i.public + "/hubspot/actions/send", Secret: oauthSecret, Signature: 2, Properties: []string{"email", "firstname", "lastname"},
	}
	e := i.portal.Enrol(i.t.Context(), flow, contact, map[string]string{"gift": "5671", "message": "Thank you, {first_name}!"})
	// The service may begin to send it while the command looks: that is no failure here.
	<-i.start("send", "approve", e.CallbackID, "--portal", "acme").ended
	return i.portal.Await(i.t.Context(), e)
}

// TestCardsOfTheService: the service answers the card and the pages of the app that
// its portal is connected through, and an admin sees in the ledger what was sent
// there.
func TestCardsOfTheService(t *testing.T) {
	i := newOAuthInstallation(t, hubspottest.Options{}, "{companies: primary}")
	c := i.start("connect")
	i.browse(c, "connect")
	if got := <-c.ended; got != done {
		t.Fatalf("connect ends with %d: %s", got, c.err.String())
	}
	i.sends()
	i.command(done, "sync")
	end := i.ready()
	defer end()
	page := hubspottest.Page{User: hubspottest.User{ID: 7, Email: "ann@acme.example"}, AppID: 54321, Secret: oauthSecret}
	fetch := func(path string) string {
		t.Helper()
		a, err := i.portal.Fetch(t.Context(), page, http.MethodGet, i.public+path, nil)
		if err != nil || a.Status != http.StatusOK {
			t.Fatalf("%s: %+v, %v", path, a, err)
		}
		return string(a.Body)
	}
	for gift := range i.portal.Records("thnks") {
		links := i.portal.Links("thnks", gift.ID)
		for to, typeID := range map[string]string{"contacts": "0-1", "companies": "0-2"} {
			for _, l := range links[to] {
				text := fetch("/hubspot/card/gifts?objectTypeId=" + typeID + "&objectId=" + l.ToID)
				if id := gift.Properties["thnks_transaction_id"]; !strings.Contains(text, `"id":"`+id+`"`) || !strings.Contains(text, `"url":"https://app.hubspot.com/contacts/62515/record/`) {
					t.Errorf("the card of %s %s lacks %s: %s", to, l.ToID, id, text)
				}
			}
		}
		if len(links["companies"]) > 0 {
			break
		}
	}
	if text := fetch("/hubspot/card/statistics"); !strings.Contains(text, `"portal":"acme"`) || strings.Contains(text, "@") && strings.Contains(text, `"recipient":"`) && !strings.Contains(text, `"recipient":""`) {
		t.Errorf("the statistics are %s", text)
	}
	settings := fetch("/hubspot/card/settings")
	for _, want := range []string{`"account":"62515"`, `"name":"access","state":"connected"`, `"name":"webhooks","state":"missing"`, `"name":"sending","state":"connected"`, `"name":"senders","state":"missing"`} {
		if !strings.Contains(settings, want) {
			t.Errorf("the settings lack %s: %s", want, settings)
		}
	}
	if e := i.approvedByWorkflow(); e.State != "SUCCESS" || e.Outputs["thnks_transaction_id"] == "" {
		t.Errorf("the workflow goes on with %+v", e)
	}
	if out, _ := i.command(done, "send", "list", "--portal", "acme", "--json"); !strings.Contains(out, `"cause": "workflow"`) {
		t.Errorf("the ledger is %s", out)
	}
}

// TestCardsWithoutApp: a configuration without an app serves no pages of HubSpot.
func TestCardsWithoutApp(t *testing.T) {
	i := newOAuthInstallation(t, hubspottest.Options{}, "{companies: none}")
	s, err := (&app{configPath: i.config, stdout: &output{}, stderr: &output{}}).session("", false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	s.cfg.Portals[0].HubSpot.App = ""
	d, err := s.newDaemon(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c := s.cards(d); c != nil {
		t.Error("there are pages")
	}
	rec := httptest.NewRecorder()
	withCards(nil, nil).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/other", nil))
	if rec.Code != http.StatusNotFound {
		t.Errorf("another path is answered %d", rec.Code)
	}
}
