package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"html/template"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/page"
	"thnks-hubspot-sync/sync/stats"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// written returns the page as it is written.
func written(t interface{ Fatal(...any) }, p page.Page) string {
	var out bytes.Buffer
	if err := page.Write(&out, p); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// numbers returns the element with the numbers, as it is written alone.
func numbers(t interface{ Fatal(...any) }, p page.Page) string {
	var out bytes.Buffer
	if err := page.WriteNumbers(&out, p); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestGolden compares the page but for what stands in assets, and for definitions.
func TestGolden(t *testing.T) {
	got := written(t, file(report(t, gifts(plain), stats.Filter{From: "2026-01-01", Currency: "USD"})))
	for name, element := range map[string]string{"style.css": "style", "echarts.js": "script", "page.js": "script"} {
		asset, err := os.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		inline := "<" + element + ">" + string(asset) + "</" + element + ">"
		if strings.Count(got, inline) != 1 {
			t.Fatalf("%s does not stand in the page as it is", name)
		}
		got = strings.Replace(got, inline, "<"+element+">"+name+"</"+element+">", 1)
	}
	got = regexp.MustCompile(`sha256-[A-Za-z0-9+/]{43}=`).ReplaceAllString(got, "sha256-…")
	for _, d := range stats.Definitions() {
		got = strings.ReplaceAll(got, escaped(d.Text), "("+d.Field+")")
	}
	const golden = "testdata/page.html"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("run go test ./sync/page -update if this is intended:\n%s", diff)
	}
}

// escaped is text as it stands in the page.
func escaped(text string) string {
	return strings.ReplaceAll(template.HTMLEscapeString(text), "+", "&#43;")
}

// TestContentSecurityPolicy: the policy names the inline scripts and styles of the page, and
// nothing else may run.
func TestContentSecurityPolicy(t *testing.T) {
	for _, served := range []*page.Served{nil, {}} {
		text := written(t, page.Page{Reports: []stats.Report{report(t, gifts(plain), stats.Filter{})}, Served: served})
		policy := page.Policy(served != nil)
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || !strings.HasPrefix(policy, "default-src 'none'; ") {
			t.Errorf("the policy is %s", policy)
		}
		if stated := strings.Contains(text, `http-equiv="Content-Security-Policy"`); stated != (served == nil) {
			t.Errorf("served %t: the page states its policy: %t", served != nil, stated)
		}
		var digests []string
		for _, n := range elements(t, text) {
			if n.Data == "style" || n.Data == "script" && attribute(n, "type") == "" {
				digests = append(digests, digest(n.FirstChild.Data))
			}
		}
		if len(digests) != 3 {
			t.Errorf("%d inline scripts and styles", len(digests))
		}
		for _, d := range digests {
			if !strings.Contains(policy, d) {
				t.Errorf("the policy lacks %s", d)
			}
		}
		if n := strings.Count(policy, "sha256-"); n != len(digests) {
			t.Errorf("the policy allows %d scripts and styles", n)
		}
	}
}

// digest names an inline script or style as policies do.
func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// elements parses a page as browsers do.
func elements(t interface{ Fatal(...any) }, text string) []*html.Node {
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var list []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			list = append(list, n)
		}
	}
	return list
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// TestSelfContained: nothing in the page makes a browser load anything.
func TestSelfContained(t *testing.T) {
	for _, n := range elements(t, written(t, file(report(t, gifts(plain), stats.Filter{})))) {
		for _, a := range n.Attr {
			switch {
			case a.Key == "style", strings.HasPrefix(a.Key, "on"), a.Key == "srcset", a.Key == "background":
				t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
			case a.Key == "src", a.Key == "action":
				t.Errorf("<%s> loads %s", n.Data, a.Val)
			case a.Key == "href" && n.Data == "link" && a.Val != "data:,":
				t.Errorf("<link> loads %s", a.Val)
			}
		}
	}
}

// TestDefinitions: what each number means stands on the page.
func TestDefinitions(t *testing.T) {
	rep := report(t, gifts(plain), stats.Filter{})
	rep.Live = &stats.Reconciliation{}
	whole, main := written(t, file(rep)), numbers(t, file(rep))
	for _, d := range stats.Definitions() {
		if !strings.Contains(whole, escaped(d.Text)) {
			t.Errorf("%s: its definition is not on the page", d.Field)
		}
		apart := slices.Contains([]string{"portal", "made_at", "version", "time_zone", "period", "filter", "last_sync", "overall"}, d.Field)
		if beside := strings.Contains(main, escaped(d.Text)); beside == apart {
			t.Errorf("%s: its definition stands beside it: %t", d.Field, beside)
		}
	}
}

// hostile are texts that a page must not obey.
var hostile = []string{
	`</script><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`, `' onmouseover='alert(1)`,
	`<!--`, `--></style><script>alert(1)</script>`, `{{.Title}}`, "${alert(1)}", `javascript:alert(1)`, `</bdi></main>`,
	"\u202eevil\u2066\u061c", "\u0085\u009b31m\x1b[2J\x00", "\u2028\u2029\ufeff", "a\xffb\xc3", strings.Repeat("W", 10_000), "\U000e0041\U000e0042",
}

// TestNamesMakeNoElement: names make no element and no attribute, turn nothing around
// and stay short, whatever is in them.
func TestNamesMakeNoElement(t *testing.T) {
	shape := func(t *rapid.T, name func(int) string) (tags []string, text string) {
		rep := report(t, gifts(name), stats.Filter{})
		rep.Portal = name(2)
		rep.Filter = stats.Filter{Sender: name(0), Type: name(1)}
		text = written(t, page.Page{
			Reports: []stats.Report{rep}, Problems: []page.Problem{{Portal: name(3), Text: name(4)}},
			Served: &page.Served{Portals: []string{name(2), name(5)}, Portal: name(5), Filter: rep.Filter},
		})
		text, _, _ = strings.Cut(text, "<footer>") // behind it stand only ours
		for _, n := range elements(t, text) {
			if n.Parent.Data == "datalist" {
				continue // long names are not offered
			}
			tag := n.Data
			for _, a := range n.Attr {
				tag += " " + a.Key
			}
			tags = append(tags, tag)
		}
		return tags, text
	}
	plainLength := len(written(t, file(report(t, gifts(plain), stats.Filter{}))))
	var want []string
	rapid.Check(t, func(t *rapid.T) {
		if want == nil {
			want, _ = shape(t, plain)
		}
		made := make(map[int]string)
		bad := rapid.OneOf(rapid.SampledFrom(hostile), rapid.String(), rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom(hostile).Draw(t, "a") + rapid.SampledFrom(hostile).Draw(t, "b")
		}))
		name := func(n int) string {
			if _, ok := made[n]; !ok {
				made[n] = bad.Draw(t, "name") + " " + plain(n)
			}
			return made[n]
		}
		got, text := shape(t, name)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("other elements (-want +got):\n%s", diff)
		}
		for _, r := range text[strings.Index(text, "<main"):strings.Index(text, "</main>")] {
			if unicode.In(r, unicode.Cc, unicode.Cf) && r != '\n' && r != '\u200c' && r != '\u200d' {
				t.Fatalf("%U stands in the page", r)
			}
		}
		if len(text) > plainLength {
			t.Fatalf("names make the page %d bytes long", len(text))
		}
	})
}

// TestLongNames: names of 10,000 characters do not make a page that no one can open.
func TestLongNames(t *testing.T) {
	long := func(n int) string { return strings.Repeat("\u202e", 10_000) + plain(n) }
	p := file(report(t, gifts(long), stats.Filter{Sender: long(1), Type: long(2)}), report(t, gifts(long), stats.Filter{}))
	p.Reports[1].Portal = long(3)
	if n := len(numbers(t, p)); n > 300_000 {
		t.Errorf("the numbers have %d bytes", n)
	}
}

// TestChartValues: charts show what the tables have.
func TestChartValues(t *testing.T) {
	rep := report(t, gifts(plain), stats.Filter{})
	charts := make(map[string]struct {
		Labels []string
		Series []struct {
			Name   string
			Values []*float64
		}
	})
	for _, n := range elements(t, written(t, file(rep))) {
		if id := attribute(n, "data-chart"); id != "" {
			c := charts[id]
			if err := json.Unmarshal([]byte(n.FirstChild.Data), &c); err != nil {
				t.Fatal(err)
			}
			charts[id] = c
		}
	}
	if len(charts) != 6 {
		t.Errorf("%d charts", len(charts))
	}
	months := charts["portal0-cohorts-chart0"]
	for i, c := range rep.Cohorts {
		if got := *months.Series[0].Values[i]; months.Labels[i] != c.Month || got != float64(c.Redeemed) {
			t.Errorf("%s: %v redeemed, want %d", months.Labels[i], got, c.Redeemed)
		}
	}
	rates := charts["portal0-cohorts-chart1"]
	for i, c := range rep.Cohorts {
		if got := rates.Series[0].Values[i]; (got == nil) != (c.Rate == nil) || got != nil && !near(*got, 100**c.Rate) {
			t.Errorf("%s: another rate is drawn", c.Month)
		}
	}
	funnel := charts["portal0-funnel-chart0"]
	for i, s := range rep.Funnel {
		if got := *funnel.Series[0].Values[i]; funnel.Labels[i] != string(s.Status) || got != float64(s.Count) {
			t.Errorf("%s: %v, want %d", funnel.Labels[i], got, s.Count)
		}
	}
}

// TestPageShowsTheComparison: what HubSpot shows in another way is named.
func TestPageShowsTheComparison(t *testing.T) {
	rep := report(t, gifts(plain), stats.Filter{})
	rep.Live = &stats.Reconciliation{
		At: now, Calls: 1, Gifts: stats.Sides{HubSpot: 59, Journal: 60}, Missing: 1, Different: 1,
		ByStatus: []stats.StatusSides{{Status: "sent", HubSpot: 5, Journal: 6}, {Status: "opened"}},
		Value:    []stats.ValueSides{{Currency: "USD", HubSpot: "1000.00", Journal: "1000.00"}},
		Findings: []stats.Finding{
			{Kind: "missing", TransactionID: "T-001", ObjectID: "501"},
			{Kind: "different", TransactionID: "T-002", ObjectID: "502", Field: "status", HubSpot: "<b>lost", Journal: "sent"},
		},
	}
	text := numbers(t, file(rep))
	for _, want := range []string{
		`<th scope="row">Records</th><td class="number">59</td><td class="number">60</td><td>no</td>`,
		`<th scope="row">sent</th><td class="number">5</td><td class="number">6</td><td>no</td>`,
		`<th scope="row">Value in USD</th><td class="number">1,000.00</td><td class="number">1,000.00</td><td>yes</td>`,
		`1 missing, 0 extra, 1 different, 0 made by people; listed 2026-03-13 12:00 UTC, HubSpot calls 1`,
		`<th scope="row">different</th><td><bdi>T-002</bdi></td><td><bdi>502</bdi></td><td>status</td><td><bdi>&lt;b&gt;lost</bdi></td><td><bdi>sent</bdi></td>`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(text, `<th scope="row">opened</th><td class="number">0`) {
		t.Error("a status without gifts is compared")
	}
}

// TestPageOfNoGifts: a portal without gifts has a page too.
// TestTotalsAboveSeveralPortals: above several portals stands what they have together, and above
// one alone nothing does.
func TestTotalsAboveSeveralPortals(t *testing.T) {
	one := report(t, gifts(plain), stats.Filter{})
	two := one
	two.Portal = "beta"
	text := numbers(t, file(one, two))
	all, rest, found := strings.Cut(text, ">acme<")
	if !found || !strings.Contains(rest, ">beta<") {
		t.Fatal("a portal is missing")
	}
	for _, want := range []string{">All 2 portals<", `<p class="figure">` + strconv.Itoa(2*one.TotalSent) + "<", stats.Percent(one.RedemptionRate), `id="overall-money"`} {
		if !strings.Contains(all, want) {
			t.Errorf("above the portals there is no %q", want)
		}
	}
	if strings.Contains(all, "Time to open") {
		t.Error("medians are added up")
	}
	if alone := numbers(t, file(one)); strings.Contains(alone, "All 1") {
		t.Error("one portal has something together")
	}
}

func TestPageOfNoGifts(t *testing.T) {
	text := numbers(t, file(report(t, nil, stats.Filter{}), stats.Report{Portal: "empty"}))
	for _, want := range []string{">acme<", ">empty<", "Last sync <b><bdi>never<"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if problem := numbers(t, page.Page{Problems: []page.Problem{{Text: "no status today"}}}); !strings.Contains(problem, `role="alert">no status today<`) {
		t.Errorf("the problem is not shown: %s", problem)
	}
}
