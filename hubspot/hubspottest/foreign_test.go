package hubspottest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

// foreign is the folder of HubSpot's own Node client and of what drives it.
const foreign = "../../.ci/foreign"

// known are the differences between HubSpot's models and the emulator's
// answers that are meant, each with its reason.
var known = map[string]string{
	"SimplePublicObject.url: unknown":                               "HubSpot sends it, on v3 too: the models are behind",
	"SimplePublicObjectWithAssociations.url: unknown":               "as above",
	"SimplePublicUpsertObject.url: unknown":                         "as above",
	"SimplePublicUpsertObject.properties: object, not string":       "a value that is not set is null, as the other models know",
	"StandardError.errors: missing":                                 "the page on error handling has none in a batch's errors",
	"StandardError.links: missing":                                  "as above",
	"TokenResponseIF.hub_id: unknown":                               "since August 2025, says the changelog",
	"TokenResponseIF.scopes: unknown":                               "as above",
	"AccessTokenInfoResponse.is_private_distribution: unknown":      "documented on the page of the call",
	"MultiAssociatedObjectWithLabel.toObjectId: number, not string": "numbers in the pages' answers; hubspottest.Options.TextIDs has the other",
	"LabelsBetweenObjectPair.fromObjectId: number, not string":      "as above",
	"LabelsBetweenObjectPair.toObjectId: number, not string":        "as above",
}

// A verdict is what the foreign client says of a HubSpot.
type verdict struct {
	Calls    int
	Problems []string
	Used     []string // of the known differences
}

// world is what the scenarios find in the portal.
type world struct {
	Scenarios []string          `json:"scenarios"`
	URL       string            `json:"url"`
	Portal    int64             `json:"portal"`
	Token     string            `json:"token"`
	App       map[string]string `json:"app"`
	Codes     []string          `json:"codes"`
	Contact   string            `json:"contact"` // ada@example.com
	Other     string            `json:"other"`   // has second@example.com, too
	Deal      string            `json:"deal"`
	Allowed   map[string]string `json:"allowed"` // the known differences
}

// requireNode skips without the Node client, or fails where nothing may be
// left out.
func requireNode(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(foreign, "node_modules", "@hubspot", "api-client"))
	}
	if err == nil {
		return
	}
	const advice = "HubSpot's Node client is not here (%v): have Node 20 or later and run npm ci --prefix .ci/foreign --ignore-scripts"
	if os.Getenv("THNKS_REQUIRE") != "" {
		t.Fatalf(advice, err)
	}
	t.Skipf(advice, err)
}

// peopled makes a portal with two contacts, a deal, a company and owners.
func peopled(t *testing.T, o hubspottest.Options) (*hubspottest.Portal, world) {
	t.Helper()
	o.App = testApp
	p := contract.Probed(t, o)
	w := world{
		Portal: p.ID(), Token: p.Token(), Codes: []string{p.Install(), p.Install()}, Allowed: known,
		App:     map[string]string{"id": testApp.ClientID, "secret": testApp.ClientSecret, "redirect": testApp.RedirectURI},
		Contact: p.AddContact("ada@example.com", nil),
		Other:   p.AddContact("first@example.com", map[string]string{"hs_additional_emails": "second@example.com"}),
		Deal:    p.AddDeal(nil),
	}
	p.AddCompany(map[string]string{"name": "Example"})
	p.AddOwner("eve@example.com", "Eve", "E")
	p.AddOwner("bob@example.com", "Bob", "B")
	return p, w
}

// drive runs scenarios of the foreign client against a HubSpot.
func drive(t *testing.T, hub http.Handler, w world, scenarios ...string) verdict {
	t.Helper()
	srv := httptest.NewServer(hub)
	defer srv.Close()
	w.Scenarios, w.URL = scenarios, srv.URL
	in, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "main.mjs")
	cmd.Dir, cmd.Stdin = foreign, bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var v verdict
	if err == nil {
		err = json.Unmarshal(out, &v)
	}
	if err != nil {
		t.Fatalf("node main.mjs: %v\n%s%s", err, out, stderr.Bytes())
	}
	return v
}

// TestForeignClient has HubSpot's own Node client call every operation that
// the emulator serves, but for those in unshared. It must take each answer for
// what it expects, field by field, and each refusal for its own error. As far
// as our contract has the operations, they are under it, too: what is asked of
// dated paths on both sides, of older ones the answers.
func TestForeignClient(t *testing.T) {
	t.Parallel()
	requireNode(t)
	used := make(map[string]bool)
	for _, tt := range []struct {
		name      string
		scenarios []string
		options   hubspottest.Options
		faults    []hubspottest.Fault
		calls     int // at least
	}{
		{"all", []string{"operations", "refusals", "oauth", "dated"}, hubspottest.Options{}, nil, 100},
		{"ids as text", []string{"operations"}, hubspottest.Options{TextIDs: true}, nil, 60},
		{"retries", []string{"retries"}, hubspottest.Options{}, []hubspottest.Fault{
			{PathContains: "/contacts", Class: hubspottest.ClassObjects, Status: http.StatusTooManyRequests},
			{Class: hubspottest.ClassSearch, Status: http.StatusTooManyRequests, Policy: "SECONDLY", Count: 2},
			{PathContains: "/companies", Status: http.StatusBadGateway, HTML: true},
			{PathContains: "/deals", Status: http.StatusTooManyRequests, Policy: "DAILY"},
		}, 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, w := peopled(t, tt.options)
			for _, f := range tt.faults {
				p.Fault(f)
			}
			v := drive(t, p, w, tt.scenarios...)
			for _, problem := range v.Problems {
				t.Error(problem)
			}
			if n := p.Requests().Total; v.Calls != n || n < tt.calls {
				t.Errorf("%d calls sent and %d received, of at least %d", v.Calls, n, tt.calls)
			}
			if tt.name == "all" {
				compareRoutes(t, p)
			}
			for _, u := range v.Used {
				used[u] = true
				if tt.options.TextIDs && strings.Contains(u, "number, not string") {
					t.Errorf("%s, though ids are text", u)
				}
			}
		})
	}
	for k := range known {
		if !used[k] {
			t.Errorf("no difference any more: %s", k)
		}
	}
}

// unshared are the routes that no method of the foreign client calls, each
// with the reason; the scenario "dated" asks for others without a method.
var unshared = map[route]string{
	"DELETE oauth/external-install":                 "the client has neither method nor model for uninstalling",
	"GET limits/custom-object-types":                "the client has neither method nor model for the limits",
	"GET limits/records":                            "as above",
	"POST oauth/private-apps/get/access-token-info": "the client has neither method nor model for it",
	"POST callbacks/*/complete":                     "only a workflow that waits can go on, and other tests have one",
	"POST oauth/token/revoke":                       "the client revokes by DELETE on v1",
}

// compareRoutes fails if a route of the emulator was not called, or if one in
// unshared was.
func compareRoutes(t *testing.T, p *hubspottest.Portal) {
	t.Helper()
	var want []route
	for r := range unshared {
		want = append(want, r)
	}
	slices.Sort(want)
	got := uncalled(served(t), p.Requests().ByOperation)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes of the emulator that were not called (-meant +found):\n%s", diff)
	}
}

// TestForeignClientBites spoils one thing in the answers to some calls, and
// has the foreign client find each.
func TestForeignClientBites(t *testing.T) {
	t.Parallel()
	requireNode(t)
	spoils := []struct{ path, old, with, problem string }{
		{"/crm/v3/owners", `"archived":false`, `"archived":"no"`, "PublicOwner.archived: string, not boolean"},
		{"/crm/v3/pipelines/deals", `"createdAt":"20`, `"createdAt":"`, "Pipeline.createdAt: no instant"},
		{"/crm/v3/pipelines/deals/default", `"writePermissions":"CRM`, `"writePermissions":"CRN`, "is no PipelineStageWritePermissionsEnum"},
		{"/crm/v3/objects/companies", `"id":"`, `"number":1,"id":"`, "SimplePublicObjectWithAssociations.number: unknown"},
		{"/crm/v3/objects/deals/batch/read", `"startedAt"`, `"begunAt"`, "BatchResponseSimplePublicObject.startedAt: missing"},
		{"/crm/v3/objects/contacts/batch/read", `"results":[{`, `"results":[{},{`, "contacts by address: got"},
		{"/crm/v3/objects/contacts/404", `"category":"OBJECT`, `"category":"SUBJECT`, "no record: category"},
		{"/crm/v3/objects/no_such", `"correlationId":"`, `"correlationId":"0`, "no object type: correlation id of the header"},
	}
	p, w := peopled(t, hubspottest.Options{})
	v := drive(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		p.ServeHTTP(rec, r)
		body := rec.Body.String()
		for _, s := range spoils {
			if strings.TrimSuffix(r.URL.Path, "/") == s.path {
				body = strings.ReplaceAll(body, s.old, s.with)
			}
		}
		maps.Copy(rw.Header(), rec.Header())
		rw.WriteHeader(rec.Code)
		_, _ = io.WriteString(rw, body) // the client would report missing bytes
	}), w, "operations", "refusals")
	for _, s := range spoils {
		if !slices.ContainsFunc(v.Problems, func(p string) bool { return strings.Contains(p, s.problem) }) {
			t.Errorf("%s: %s spoilt unseen; the client said %q", s.path, s.old, v.Problems)
		}
	}
}
