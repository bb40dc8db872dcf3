package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"thnks-hubspot-sync/configs"
	giftportal "thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/sync/webhook"
)

var update = flag.Bool("update", false, "rewrite the tables of the documentation")

// appProject is the project that makes the app in HubSpot, and appPage the
// page that explains it.
const (
	appProject = "../../hubspot/app"
	appPage    = "../../.github/docs/hubspot-app.md"
)

// everything are rules under which all features are used.
var everything = giftportal.LinkRules{Companies: true, MaxDeals: 1}

// readJSON reads a file of the app.
func readJSON[T any](t *testing.T, path string) (v T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(appProject, path))
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

// TestAppScopes: the app asks for the scopes that install links ask for.
func TestAppScopes(t *testing.T) {
	t.Parallel()
	type scopes struct {
		Required      []string `json:"requiredScopes"`
		Conditionally []string `json:"conditionallyRequiredScopes"`
		Optional      []string `json:"optionalScopes"`
	}
	app := readJSON[struct{ Config struct{ Auth scopes } }](t, "src/app/app-hsmeta.json")
	var want scopes
	for _, f := range giftportal.Features(everything) {
		to := &want.Required
		switch {
		case f.Optional:
			to = &want.Optional
		case f.Conditional:
			to = &want.Conditionally
		}
		for _, s := range f.Scopes {
			*to = append(*to, s.Name)
		}
	}
	got := app.Config.Auth
	if !slices.Equal(got.Required, want.Required) || !slices.Equal(got.Conditionally, want.Conditionally) || !slices.Equal(got.Optional, want.Optional) {
		t.Errorf("the app asks for\n%+v, want\n%+v", got, want)
	}
}

// TestAppAddresses: the one variable of the profile is the program's public address,
// and every address that HubSpot calls is one that the program serves.
func TestAppAddresses(t *testing.T) {
	t.Parallel()
	profile := readJSON[struct {
		Variables map[string]string `json:"variables"`
	}](t, "src/hsprofile.example.json")
	public := profile.Variables["PUBLIC_URL"]
	if public == "" || len(profile.Variables) != 1 {
		t.Fatalf("the profile has the variables %v", profile.Variables)
	}
	cfg := configs.Config{PublicURL: public}
	served := map[string]string{
		"src/app/app-hsmeta.json":                           cfg.RedirectURL() + " " + cfg.Public(""),
		"src/app/webhooks/webhooks-hsmeta.json":             cfg.Public(webhook.HubSpotPath),
		"src/app/workflow-actions/send-a-thnks-hsmeta.json": cfg.Public("/hubspot/actions/send") + strings.Repeat(" "+cfg.Public("/hubspot/actions/options"), 2),
	}
	address := regexp.MustCompile(`"(\$\{|https?:)[^"]*"`)
	err := filepath.WalkDir(filepath.Join(appProject, "src/app"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "-hsmeta.json") {
			return err
		}
		name, err := filepath.Rel(appProject, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var got []string
		for _, a := range address.FindAllString(string(text), -1) {
			a = strings.ReplaceAll(strings.Trim(a, `"`), "${PUBLIC_URL}", public)
			if !strings.HasPrefix(a, "https://acme.example/") { // which the operator replaces
				got = append(got, a)
			}
		}
		if want := served[name]; strings.Join(got, " ") != want {
			t.Errorf("%s has the addresses %q, want %q", name, got, want)
		}
		delete(served, name)
		return nil
	})
	if err != nil || len(served) > 0 {
		t.Errorf("not found are %v (%v)", served, err)
	}
}

// TestAppReasons: the workflow action has a text for each guard that may refuse a
// gift, and each other reason why none was sent.
func TestAppReasons(t *testing.T) {
	t.Parallel()
	type rule struct {
		Label      string            `json:"labelName"`
		Conditions map[string]string `json:"conditions"`
	}
	action := readJSON[struct {
		Config struct {
			Rules  []rule `json:"executionRules"`
			Labels map[string]struct {
				Texts map[string]string `json:"executionRules"`
			} `json:"labels"`
		} `json:"config"`
	}](t, "src/app/workflow-actions/send-a-thnks-hsmeta.json")
	guards := []string{
		send.GuardKillSwitch, send.GuardLedger, send.GuardCatalogue, send.GuardErased, send.GuardDoNotGift, send.GuardAllowList, send.GuardOptOut,
		send.GuardFrequency, send.GuardSenderBudget, send.GuardPortalBudget, send.GuardSender, send.GuardLate, send.GuardApproval, send.GuardTestMode,
	}
	if n := guardsOf(t, "../../sync/send/rules.go"); n != len(guards) {
		t.Errorf("there are %d guards, and this test knows %d", n, len(guards))
	}
	want := make(map[string]bool)
	for _, reason := range append(guards, "order", "not_sent", "cancelled", "sending_off") {
		want[reason] = true
	}
	texts := action.Config.Labels["en"].Texts
	got := make(map[string]bool)
	for _, r := range action.Config.Rules {
		got[r.Conditions["errorCode"]] = true
		if texts[r.Label] == "" {
			t.Errorf("%s has no text", r.Label)
		}
	}
	if !maps.Equal(got, want) || len(texts) != len(got) {
		t.Errorf("there are texts for\n%v, want\n%v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// guardsOf counts the constants of a file that name a guard.
func guardsOf(t *testing.T, path string) (n int) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if v, ok := node.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Guard") {
			n++
		}
		return true
	})
	return n
}

// TestSharedData: the page has the table that a listing in HubSpot's marketplace
// asks for, from the table of scopes. Run it with -update to renew it.
func TestSharedData(t *testing.T) {
	text, err := os.ReadFile(appPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	const begin, end = "<!-- From the table of scopes: go test ./cmd/thnks-hubspot-sync -run TestSharedData -update -->\n", "<!-- end of the table -->\n"
	i, j := strings.Index(page, begin), strings.Index(page, end)
	if i < 0 || j < i {
		t.Fatal("the page lacks the place of the table")
	}
	i += len(begin)
	switch table := sharedData(t); {
	case page[i:j] == table:
	case *update:
		if err := os.WriteFile(appPage, []byte(page[:i]+table+page[j:]), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table should be\n%s", table)
	}
}

// sharedData is the table of the data that the app shares with HubSpot.
func sharedData(t *testing.T) string {
	names := map[string]string{
		"objects.contacts": "Contacts", "objects.companies": "Companies", "objects.deals": "Deals", "objects.owners": "Owners",
		"automation":     "Workflows",
		"objects.custom": "Custom objects, records", "schemas.custom": "Custom objects, definitions",
	}
	scope := regexp.MustCompile(`^crm\.(\w+\.\w+)\.(read|write)$`)
	type row struct {
		scopes []string
		does   []string
		use    string
	}
	rows := make(map[string]*row)
	var order []string
	for _, f := range giftportal.Features(everything) {
		for _, s := range f.Scopes {
			if s.Name == "oauth" {
				continue // gives access to no data
			}
			data, does := s.Name, "continues"
			if m := scope.FindStringSubmatch(s.Name); m != nil {
				data, does = m[1], m[2]+"s"
			}
			if names[data] == "" {
				t.Fatalf("which data is %s for?", s.Name)
			}
			r := rows[data]
			if r == nil {
				r = &row{use: f.Name}
				rows[data] = r
				order = append(order, data)
			}
			r.scopes, r.does = append(r.scopes, "`"+s.Name+"`"), append(r.does, does)
		}
	}
	table := new(strings.Builder)
	table.WriteString("| data in HubSpot | the app | by these scopes | for |\n|---|---|---|---|\n")
	for _, data := range order {
		r := rows[data]
		fmt.Fprintf(table, "| %s | %s | %s | %s |\n", names[data], strings.Join(r.does, ", "), strings.Join(r.scopes, ", "), r.use)
	}
	return table.String()
}
