package configs

import (
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// locations compares time zones by name.
var locations = cmp.Comparer(func(a, b *time.Location) bool {
	return a == b || a != nil && b != nil && a.String() == b.String()
})

// unexported lets the comparison look at where a file was loaded from.
var unexported = cmp.AllowUnexported(Config{})

func TestDefaultsAreFilledIn(t *testing.T) {
	path := write(t, good)
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.file, want.dir, want.lines = path, strings.TrimSuffix(path, "/config.yaml"), got.lines
	want.Portals = []Portal{DefaultPortal()}
	want.Portals[0].Name = "acme"
	want.Portals[0].HubSpot.TokenFile = "acme.hubspot-token"
	want.Portals[0].Thnks.APIKeyFile = "acme.thnks-key"
	if diff := cmp.Diff(want, got, locations, unexported, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestPartsKeepTheOtherDefaults(t *testing.T) {
	cfg, problems := parse([]byte(good + "    associations: {deals: {max: 3}}\nlog: {format: json}\nruns_at_once: 3\n"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got := cfg.Portals[0].Associations; got.Companies != CompaniesPrimary || got.Deals.Max != 3 || time.Duration(got.Deals.Lookback) != 90*day {
		t.Errorf("associations are %+v", got)
	}
	if cfg.RunsAtOnce != 3 {
		t.Errorf("runs_at_once is %d", cfg.RunsAtOnce)
	}
	if cfg.Log != (Log{Format: LogJSON}) {
		t.Errorf("log is %+v", cfg.Log)
	}
}

func TestExampleLoads(t *testing.T) {
	onDisk, err := os.ReadFile("config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(onDisk) != string(Example()) {
		t.Error("Example is not the file")
	}
	if !checkParse(t, Example()) {
		_, problems := parse(Example())
		t.Error(problems)
	}
}

// alternatives are the problems of the sample when all its settings are
// uncommented.
const alternatives = `portals[0].hubspot: has both app and token_file
portals[0].thnks: has both api_key_file and keys`

// TestExampleHasEverySetting uncomments the sample's settings: they must be
// valid, complete and at their defaults.
func TestExampleHasEverySetting(t *testing.T) {
	all := regexp.MustCompile(`(?m)^( *)#(\S)`).ReplaceAll(Example(), []byte("$1$2"))
	cfg, problems := parse(all)
	var got []string
	for _, p := range problems {
		got = append(got, p.Key+": "+p.What)
	}
	if text := strings.Join(got, "\n"); text != alternatives {
		t.Fatalf("got\n%s\nwant\n%s", text, alternatives)
	}
	if unset := unsetKeys(reflect.ValueOf(*cfg), ""); len(unset) > 0 {
		t.Errorf("the sample lacks %v", unset)
	}
	defaults := Default()
	if cfg.StateDir != defaults.StateDir || cfg.Listen != defaults.Listen || cfg.AdminListen != defaults.AdminListen ||
		cfg.MasterKeyFile != defaults.MasterKeyFile || cfg.RunsAtOnce != defaults.RunsAtOnce || cfg.Schedule != defaults.Schedule || cfg.Log != defaults.Log {
		t.Error("a setting of the sample is not at its default")
	}
	p, d := cfg.Portals[0], DefaultPortal()
	if p.HubSpot.BaseURL != d.HubSpot.BaseURL || p.HubSpot.APIVersion != d.HubSpot.APIVersion || p.HubSpot.RequestsPer10s != d.HubSpot.RequestsPer10s ||
		p.HubSpot.Object != d.HubSpot.Object || p.Associations != d.Associations || p.Thnks.BaseURL != d.Thnks.BaseURL ||
		p.Thnks.RequestsPerSecond != d.Thnks.RequestsPerSecond {
		t.Error("a portal's setting in the sample is not at its default")
	}
}

// unsetKeys lists the settings that are empty without a reason.
func unsetKeys(v reflect.Value, key string) []string {
	switch strings.TrimPrefix(key, ".portals[].") {
	case "hubspot.requests_per_10s", "associations.deals.label", "thnks.csv.decimal", // empty by default
		"thnks.dialect.paging.nothing", "thnks.dialect.nothing", "thnks.csv.nothing", // alternatives to the default
		"webhooks.gift-events.prefix", "webhooks.gift-events.timestamp_header", "webhooks.gift-events.company_id",
		"webhooks.gift-events.token_files": // in the line of the other scheme
		return nil
	case "sending.stop", // false by default
		"triggers[].sender", "triggers[].when[].one_of", "triggers[].when[].at_least", "triggers[].when[].at_most": // alternatives
		return nil
	case ".log.level", // info is the zero level
		".runs_at_once": // 0 stands for a number that depends on the machine
		return nil
	}
	switch {
	case v.IsZero():
		return []string{key}
	case v.Kind() == reflect.Pointer && v.Type() != reflect.TypeFor[*time.Location]():
		if v.Elem().Kind() == reflect.Struct {
			return unsetKeys(v.Elem(), key)
		}
		return nil
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		return unsetKeys(v.Index(0), key+"[]")
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[netip.Prefix]():
		var unset []string
		for i := range v.NumField() {
			if name := v.Type().Field(i).Tag.Get("yaml"); name != "" {
				unset = append(unset, unsetKeys(v.Field(i), key+"."+name)...)
			}
		}
		return unset
	}
	return nil
}

// TestExportsNeedNoKey: a portal with a csv group, even an empty one, needs no
// API key.
func TestExportsNeedNoKey(t *testing.T) {
	for group, want := range map[string]map[string]string{
		"{}":                            {},
		"{thnks_transaction_id: Order}": {"thnks_transaction_id": "Order"},
	} {
		cfg, problems := parse([]byte(strings.Replace(good, "api_key_file: acme.thnks-key", "csv: "+group, 1)))
		if len(problems) > 0 {
			t.Fatalf("%s: %v", group, problems)
		}
		if diff := cmp.Diff(CSV{Columns: want}, cfg.Portals[0].Thnks.CSV); diff != "" {
			t.Errorf("%s (-want +got):\n%s", group, diff)
		}
	}
}

// TestSendingIsCautious: a sending group sends nothing by its defaults.
func TestSendingIsCautious(t *testing.T) {
	cfg, problems := parse([]byte(good + "    sending: {currency: USD, catalogue: [{gift: 1, name: Tea, price: \"3\"}], budget: {sender: \"9\", portal: \"9\"}, approve_above: \"0\"}\n"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s := cfg.Portals[0].Sending
	if !s.TestMode || len(s.Allow) > 0 || s.PerRecipient != (PerRecipient{Max: 1, Within: Duration(30 * day)}) || len(s.OptOutProperties) != 1 {
		t.Errorf("the defaults are %+v", s)
	}
}
