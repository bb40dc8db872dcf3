package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/webhook"
)

const (
	mainSecret  = "the client secret of the main app"
	otherSecret = "the client secret of another app"
	publicURL   = "https://sync.example.com/thnks"
)

// A hubspotSite receives the webhooks of two apps: main's of the accounts 62515, which
// two portals have, and 7; other's of the account 8.
type hubspotSite struct {
	site
	acme, twin, small, other inbox
}

func newHubSpotSite(t testing.TB) *hubspotSite {
	t.Helper()
	s := new(hubspotSite)
	s.log = new(syncBuffer)
	verify := func(secret string) func(hubspot.SignedRequest, time.Time) error {
		return func(r hubspot.SignedRequest, now time.Time) error { return r.Verify(secret, now) }
	}
	s.Hooks = must(webhook.New(webhook.Options{Log: logger(s.log), PublicURL: publicURL + "/", Apps: []webhook.App{
		{Name: "main", ID: 54321, Verify: verify(mainSecret), Portals: map[int64][]webhook.Destination{62515: {{Portal: "acme", Inbox: &s.acme}, {Portal: "twin", Inbox: &s.twin}}, 7: {{Portal: "small", Inbox: &s.small}}}},
		{Name: "other", ID: 9, Verify: verify(otherSecret), Portals: map[int64][]webhook.Destination{8: {{Portal: "other", Inbox: &s.other}}}},
	}}))
	return s
}

// post posts a body that is signed by version 3, and returns the answer's status.
func (s *hubspotSite) post(secret, body string, edit ...func(*http.Request)) int {
	r := httptest.NewRequest(http.MethodPost, webhook.HubSpotPath, strings.NewReader(body))
	stamp := fmt.Sprint(time.Now().UnixMilli())
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(http.MethodPost + publicURL + webhook.HubSpotPath + body + stamp))
	r.Header.Set("X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(h.Sum(nil)))
	r.Header.Set("X-HubSpot-Request-Timestamp", stamp)
	r.Header.Set("Content-Type", "application/json")
	for _, f := range edit {
		f(r)
	}
	return s.answer(r).StatusCode
}

// event returns an event of the account with these fields.
func hubspotJSON(account int, fields string) string {
	return fmt.Sprintf(`{"eventId":1,"subscriptionId":12345,"portalId":%d,"appId":54321,"occurredAt":1564113600000,"attemptNumber":0,"changeSource":"CRM_UI","sourceId":"userId:42",%s}`, account, fields)
}

// TestHubSpotForms: both forms of each event say the same, and what concerns no gift
// is only listed.
func TestHubSpotForms(t *testing.T) {
	t.Parallel()
	s := newHubSpotSite(t)
	for _, tt := range []struct {
		generic, legacy string
		kind, of, ids   string
		effect          store.Effect
		email           string
	}{
		{
			`"subscriptionType":"object.creation","objectTypeId":"0-1","objectId":123,"changeFlag":"NEW"`,
			`"subscriptionType":"contact.creation","objectId":123,"changeFlag":"NEW"`,
			"contact.creation", "contact", "123", store.EffectRecord, "",
		},
		{
			`"eventType":"object.propertyChange","objectTypeId":"0-1","objectId":"9007199254740993","propertyName":"email","propertyValue":"X@Example.com"`,
			`"subscriptionType":"contact.propertyChange","objectId":9007199254740993,"propertyName":"email","propertyValue":"x@example.com"`,
			"contact.propertyChange", "contact", "9007199254740993", store.EffectRecord, "x@example.com",
		},
		{
			`"subscriptionType":"object.propertyChange","objectTypeId":"0-1","objectId":123,"propertyName":"phone","propertyValue":"1"`,
			`"subscriptionType":"contact.propertyChange","objectId":123,"propertyName":"phone","propertyValue":"1"`,
			"contact.propertyChange", "", "", store.EffectListed, "",
		},
		{
			`"subscriptionType":"object.merge","objectTypeId":"0-1","objectId":1,"primaryObjectId":1,"mergedObjectIds":[2,"3"],"newObjectId":4,"numberOfPropertiesMoved":7`,
			`"subscriptionType":"contact.merge","objectId":1,"primaryObjectId":1,"mergedObjectIds":[2,"3"],"newObjectId":4,"numberOfPropertiesMoved":7`,
			"contact.merge", "contact", "4 1 2 3", store.EffectRecord, "",
		},
		{
			`"subscriptionType":"object.deletion","objectTypeId":"0-1","objectId":123`,
			`"subscriptionType":"contact.deletion","objectId":123`,
			"contact.deletion", "contact", "123", store.EffectRecord, "",
		},
		{
			`"subscriptionType":"object.restore","objectTypeId":"0-1","objectId":123`,
			`"subscriptionType":"contact.restore","objectId":123`,
			"contact.restore", "contact", "123", store.EffectRecord, "",
		},
		{
			`"subscriptionType":"contact.privacyDeletion","objectId":123`, `"eventType":"contact.privacyDeletion","objectId":123`,
			"contact.privacyDeletion", "contact", "123", store.EffectRecord, "",
		},
		{
			`"subscriptionType":"object.propertyChange","objectTypeId":"0-3","objectId":5,"propertyName":"dealstage","propertyValue":"x"`,
			`"subscriptionType":"deal.propertyChange","objectId":5,"propertyName":"dealstage","propertyValue":"x"`,
			"deal.propertyChange", "deal", "5", store.EffectRecord, "",
		},
		{
			`"subscriptionType":"object.creation","objectTypeId":"0-3","objectId":5`, `"subscriptionType":"deal.creation","objectId":5`,
			"deal.creation", "deal", "5", store.EffectRecord, "",
		},
		{
			`"subscriptionType":"object.associationChange","objectTypeId":"0-1","associationType":"CONTACT_TO_DEAL","fromObjectId":123,"toObjectId":5,"associationRemoved":false`,
			`"subscriptionType":"contact.associationChange","associationType":"CONTACT_TO_DEAL","fromObjectId":123,"toObjectId":5,"associationRemoved":false`,
			"contact.associationChange", "contact", "123", store.EffectRecord, "",
		},
		{
			`"subscriptionType":"object.associationChange","objectTypeId":"0-3","associationType":"DEAL_TO_CONTACT","fromObjectId":5,"toObjectId":123,"associationRemoved":false`,
			`"subscriptionType":"deal.associationChange","associationType":"DEAL_TO_CONTACT","fromObjectId":5,"toObjectId":123,"associationRemoved":false`,
			"deal.associationChange", "contact", "123", store.EffectRecord, "",
		},
		{
			`"subscriptionType":"object.associationChange","objectTypeId":"0-2","associationType":"COMPANY_TO_CONTACT","fromObjectId":9,"toObjectId":123,"isPrimaryAssociation":true`,
			`"subscriptionType":"company.associationChange","associationType":"COMPANY_TO_CONTACT","fromObjectId":9,"toObjectId":123,"isPrimaryAssociation":true`,
			"company.associationChange", "contact", "123", store.EffectRecord, "",
		},
		{
			`"subscriptionType":"object.associationChange","objectTypeId":"0-2","associationType":"COMPANY_TO_DEAL","fromObjectId":9,"toObjectId":5`,
			`"subscriptionType":"deal.associationChange","associationType":"DEAL_TO_COMPANY","fromObjectId":5,"toObjectId":9`,
			"", "", "", store.EffectListed, "",
		},
		{
			`"subscriptionType":"object.associationChange","objectTypeId":"0-1","associationType":"CONTACT_TO_DEAL","fromObjectId":123,"toObjectId":5,"associationRemoved":true`,
			`"subscriptionType":"contact.associationChange","associationType":"CONTACT_TO_DEAL","fromObjectId":123,"toObjectId":5,"associationRemoved":true`,
			"contact.associationChange", "", "", store.EffectListed, "",
		},
		{
			`"subscriptionType":"object.creation","objectTypeId":"0-2","objectId":9`, `"subscriptionType":"company.creation","objectId":9`,
			"company.creation", "", "", store.EffectListed, "",
		},
	} {
		for _, fields := range []string{tt.generic, tt.legacy} {
			if code := s.post(mainSecret, "["+hubspotJSON(7, fields)+"]"); code != 200 {
				t.Fatalf("answered %d", code)
			}
			events := s.small.take()
			if len(events) != 1 {
				t.Fatalf("%s: %d events", fields, len(events))
			}
			e := events[0]
			if e.Dialect != "hubspot" || !e.Signed || tt.kind != "" && e.Kind != tt.kind || e.RecordType != tt.of || strings.Join(e.RecordIDs, " ") != tt.ids ||
				e.Effect != tt.effect || e.Email != tt.email || !e.At.Equal(time.UnixMilli(1564113600000)) || string(e.Body) != hubspotJSON(7, fields) {
				t.Errorf("%s: %s of %s %v, %s, %q at %v (%s)", fields, e.Kind, e.RecordType, e.RecordIDs, e.Effect, e.Email, e.At, e.Reason)
			}
			again := webhook.Reread(webhook.Source{}, e, e.Body)
			if again.Kind != e.Kind || !slices.Equal(again.RecordIDs, e.RecordIDs) || again.Effect != e.Effect {
				t.Errorf("%s: read again as %+v", fields, again)
			}
		}
	}
	custom := hubspotJSON(7, `"subscriptionType":"object.creation","objectTypeId":"2-77","objectId":9`)
	if s.post(mainSecret, "["+custom+"]"); s.small.take()[0].Kind != "object.creation" {
		t.Error("an object of another type is not listed")
	}
	for _, fields := range []string{`"subscriptionType":"contact.creation"`, `"subscriptionType":"sesame"`, `"subscriptionType":"open sesame.x","objectId":1`, `"objectId":1`, `"subscriptionType":"contact.merge"`} {
		s.post(mainSecret, "["+hubspotJSON(7, fields)+"]")
		if e := s.small.take()[0]; e.Effect != store.EffectUnknown || e.Reason == "" || strings.Contains(e.Reason, "open sesame") {
			t.Errorf("%s: %s (%s)", fields, e.Effect, e.Reason)
		}
	}
}

// TestHubSpotVector: the request that HubSpot publishes with its signature of version 1
// is accepted as it is, and so is it in the form of recorded deliveries.
func TestHubSpotVector(t *testing.T) {
	t.Parallel()
	const secret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
	var box inbox
	s := &site{log: new(syncBuffer)}
	s.Hooks = must(webhook.New(webhook.Options{Log: logger(s.log), PublicURL: publicURL, Apps: []webhook.App{{
		Name: "main", ID: 54321, Portals: map[int64][]webhook.Destination{62515: {{Portal: "acme", Inbox: &box}}},
		Verify: func(r hubspot.SignedRequest, now time.Time) error { return r.Verify(secret, now) },
	}}}))
	const published = `[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]`
	const recorded = `[{"eventId":1534991568,"subscriptionId":3434176,"portalId":62515,"appId":54321,"occurredAt":1744159176740,"subscriptionType":"contact.creation","attemptNumber":6,"objectId":112558566461,"changeFlag":"CREATED","changeSource":"INTEGRATION","sourceId":"10457515"}]`
	sum := sha256.Sum256([]byte(secret + recorded))
	for body, tt := range map[string]struct{ mac, id string }{
		published: {"232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de", "123"},
		recorded:  {hex.EncodeToString(sum[:]), "112558566461"},
	} {
		r := httptest.NewRequest(http.MethodPost, webhook.HubSpotPath, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json;charset=utf-8")
		r.Header.Set("X-HubSpot-Signature", tt.mac)
		r.Header.Set("X-HubSpot-Signature-Version", "v1")
		res := s.answer(r)
		if events := box.take(); res.StatusCode != 200 || len(events) != 1 || events[0].Kind != "contact.creation" || !slices.Equal(events[0].RecordIDs, []string{tt.id}) {
			t.Errorf("answered %s, kept %+v", res.Status, events)
		}
	}
}

// TestHubSpotRouting: an event counts for the portals of its account that are
// connected through the app whose secret has signed it, and for no others.
func TestHubSpotRouting(t *testing.T) {
	t.Parallel()
	s := newHubSpotSite(t)
	of := func(account int, id string) string {
		return hubspotJSON(account, `"subscriptionType":"contact.creation","objectId":`+id)
	}
	if code := s.post(mainSecret, "["+of(62515, "1")+","+of(7, "2")+","+of(8, "3")+","+of(99, "4")+","+of(62515, "5")+"]"); code != 200 {
		t.Errorf("answered %d", code)
	}
	ids := func(b *inbox) string {
		var all []string
		for _, e := range b.take() {
			all = append(all, e.RecordIDs...)
		}
		return strings.Join(all, " ")
	}
	for _, tt := range []struct {
		name string
		box  *inbox
		want string
	}{{"acme", &s.acme, "1 5"}, {"twin", &s.twin, "1 5"}, {"small", &s.small, "2"}, {"other", &s.other, ""}} {
		if got := ids(tt.box); got != tt.want {
			t.Errorf("%s has %q, want %q", tt.name, got, tt.want)
		}
	}
	if code := s.post(otherSecret, "["+of(62515, "1")+","+of(8, "3")+"]"); code != 200 || ids(&s.other) != "3" || ids(&s.acme) != "" {
		t.Errorf("another app's event counts for a portal that is not its own (%d)", code)
	}

	// What this program has done itself is no news; what another app has done is.
	own := strings.Replace(of(7, "1"), `"changeSource":"CRM_UI","sourceId":"userId:42"`, `"changeSource":"INTEGRATION","sourceId":"54321"`, 1)
	foreign := strings.NewReplacer(`"sourceId":"54321"`, `"sourceId":"54322"`, `"objectId":1`, `"objectId":2`).Replace(own)
	number := strings.NewReplacer(`"sourceId":"54321"`, `"sourceId":54321`, `"objectId":1`, `"objectId":3`).Replace(own)
	if s.post(mainSecret, "["+own+","+number+","+foreign+"]"); ids(&s.small) != "2" {
		t.Error("what the app has caused is not distinguished from what others have")
	}
}

// TestHubSpotRepeats: an event that is sent again is a repeat, whatever its attempt
// and place in a batch; another one is not, although HubSpot gives it the same id.
func TestHubSpotRepeats(t *testing.T) {
	t.Parallel()
	s := newHubSpotSite(t)
	first := hubspotJSON(7, `"subscriptionType":"contact.creation","objectId":1`)
	again := strings.Replace(first, `"attemptNumber":0`, `"attemptNumber":3`, 1)
	for i, body := range []string{first, again, strings.Replace(first, `"objectId":1`, `"objectId":2`, 1), strings.Replace(first, `600000`, `600001`, 1)} {
		if code := s.post(mainSecret, "["+body+","+body+"]"); code != 200 {
			t.Errorf("%d is answered %d", i, code)
		}
	}
	if n := len(s.small.take()); n != 3 {
		t.Errorf("%d events are kept, want 3", n)
	}
}

// TestHubSpotBatches: a hundred events are kept together; what is no event among
// them keeps none of the others out; an inbox without room has all of them sent again.
func TestHubSpotBatches(t *testing.T) {
	t.Parallel()
	s := newHubSpotSite(t)
	var list []string
	for i := range 100 {
		list = append(list, hubspotJSON(62515, fmt.Sprintf(`"subscriptionType":"contact.creation","objectId":%d`, i+1)))
	}
	list[7], list[8] = `"x"`, `{"portalId":null}`
	body := "[" + strings.Join(list, ",") + "]"
	s.twin.err = store.ErrInboxFull
	if code := s.post(mainSecret, body); code != http.StatusServiceUnavailable {
		t.Errorf("without room it is answered %d", code)
	}
	s.twin.err = nil
	if said := s.log.String(); !strings.Contains(said, "names no account") || !strings.Contains(said, "is not a JSON object") {
		t.Errorf("the log does not say why events were dropped: %s", said)
	}
	if code := s.post(mainSecret, body); code != 200 || len(s.acme.take()) != 98 || len(s.twin.take()) != 98 {
		t.Errorf("with room it is answered %d, or events are lost or doubled", code)
	}
	if s.acme.calls != 2 || s.twin.calls != 2 {
		t.Errorf("two batches reached the inboxes in %d and %d calls: each is a commit of its own", s.acme.calls, s.twin.calls)
	}
	for _, body := range []string{``, `{}`, `x`, `[`, `"x"`} {
		if code := s.post(mainSecret, body); code != 200 || len(s.acme.take()) > 0 {
			t.Errorf("%q is answered %d", body, code)
		}
	}
}

// TestHubSpotBatchBounds: a signed request holds the inbox no longer than a thousand
// events do, however small they are, and an event has no more records than that.
func TestHubSpotBatchBounds(t *testing.T) {
	t.Parallel()
	s := newHubSpotSite(t)
	for what, event := range map[string]string{
		"events":         hubspotJSON(7, `"subscriptionType":"contact.creation","objectId":1`),
		"tiny events":    `{"portalId":7}`,
		"tinier ones":    `0`,
		"other accounts": `{"portalId":99}`,
	} {
		for n, want := range map[int]int{1000: http.StatusOK, 1001: http.StatusRequestEntityTooLarge} {
			if code := s.post(mainSecret, "["+strings.Repeat(event+",", n-1)+event+"]"); code != want {
				t.Errorf("%d %s are answered %d", n, what, code)
			}
			if kept := len(s.small.take()); want != http.StatusOK && kept > 0 {
				t.Errorf("of %d %s, %d are kept", n, what, kept)
			}
		}
	}
	for what, tt := range map[string]struct {
		ids  string
		good bool
	}{
		"1,000 records": {strings.Repeat("2,", 999) + "2", true},
		"1,001 records": {strings.Repeat("2,", 1000) + "2", false},
		"a long id":     {`"` + strings.Repeat("7", 1000) + `"`, false},
		"an odd id":     {`"ann@example.com"`, false},
	} {
		e := reread(webhook.HubSpot, `{"subscriptionType":"contact.merge","objectId":1,"mergedObjectIds":[`+tt.ids+`]}`)
		if (e.Effect == store.EffectRecord) != tt.good || len(e.RecordIDs) != map[bool]int{true: 2}[tt.good] {
			t.Errorf("%s: %s of %d records (%s)", what, e.Effect, len(e.RecordIDs), e.Reason)
		}
	}
}

// TestHubSpotRefused: what HubSpot has not signed for one of the apps, for this
// address and body, is not kept.
func TestHubSpotRefused(t *testing.T) {
	t.Parallel()
	body := "[" + hubspotJSON(62515, `"subscriptionType":"contact.creation","objectId":1`) + "]"
	old := func(version, signed string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Del("X-HubSpot-Signature-v3")
			sum := sha256.Sum256([]byte(signed))
			r.Header.Set("X-HubSpot-Signature", hex.EncodeToString(sum[:]))
			r.Header.Set("X-HubSpot-Signature-Version", version)
		}
	}
	for name, tt := range map[string]struct {
		secret string
		edit   func(*http.Request)
		code   int
	}{
		"good":             {mainSecret, func(*http.Request) {}, 200},
		"v2":               {"", old("v2", mainSecret+"POST"+publicURL+webhook.HubSpotPath+body), 200},
		"v1":               {"", old("v1", mainSecret+body), 200},
		"v1 of another":    {"", old("v1", "x"+body), 401},
		"a query":          {mainSecret, func(r *http.Request) { r.URL.RawQuery = "a=1" }, 401},
		"no app's":         {"guess", func(*http.Request) {}, 401},
		"not signed":       {mainSecret, func(r *http.Request) { r.Header.Del("X-HubSpot-Signature-v3") }, 401},
		"late":             {mainSecret, func(r *http.Request) { r.Header.Set("X-HubSpot-Request-Timestamp", "1564113600000") }, 401},
		"another method":   {mainSecret, func(r *http.Request) { r.Method = "GET" }, 405},
		"another type":     {mainSecret, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		"too large":        {mainSecret, func(r *http.Request) { r.ContentLength = 2 << 20 }, 413},
		"a path behind it": {mainSecret, func(r *http.Request) { r.URL.Path += "/x" }, 404},
		"a portal's path":  {mainSecret, func(r *http.Request) { r.URL.Path = "/webhooks/acme/hubspot" }, 404},
	} {
		s := newHubSpotSite(t)
		if code := s.post(tt.secret, body, tt.edit); code != tt.code || len(s.acme.take()) != map[bool]int{true: 1}[tt.code == 200] {
			t.Errorf("%s is answered %d, want %d", name, code, tt.code)
		}
		if said := s.log.String(); strings.Contains(said, "secret of") || strings.Contains(said, "objectId") {
			t.Errorf("%s: the log says %s", name, said)
		}
	}
	none := must(webhook.New(webhook.Options{Log: discard}))
	if code := (&site{Hooks: none}).answer(httptest.NewRequest(http.MethodPost, webhook.HubSpotPath, strings.NewReader(body))).StatusCode; code != 404 {
		t.Errorf("without an app it is answered %d", code)
	}
}

// FuzzHubSpot sends any body that HubSpot has signed: it is answered 200, and what is
// kept of it names a record or has no effect.
func FuzzHubSpot(f *testing.F) {
	f.Add("[" + hubspotJSON(62515, `"subscriptionType":"contact.merge","objectId":1,"mergedObjectIds":[2,3]`) + "]")
	f.Add("[" + hubspotJSON(62515, `"subscriptionType":"object.associationChange","objectTypeId":"0-1","associationType":"CONTACT_TO_DEAL","fromObjectId":1`) + "]")
	f.Add(`[[],{"portalId":62515},{"portalId":62515,"subscriptionType":"deal.creation","objectId":-1}]`)
	s := newHubSpotSite(f)
	f.Fuzz(func(t *testing.T, body string) {
		if len(body) > 1<<20 {
			t.Skip()
		}
		s.log.reset()
		if code := s.post(mainSecret, body); code != 200 {
			t.Errorf("answered %d", code)
		}
		s.twin.take()
		for _, e := range s.acme.take() {
			if (e.Effect == store.EffectRecord) != (len(e.RecordIDs) > 0 && e.RecordType != "") || e.Key == "" || !e.Signed {
				t.Errorf("%+v", e)
			}
		}
	})
}

// TestHubSpotSecretsThatCannotBeRead: a request is called forged only when no secret that
// cannot be read may have signed it, whatever the order of the apps.
func TestHubSpotSecretsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	unread := fmt.Errorf("%w: no such file", hubspot.ErrNoSecret)
	for _, tt := range []struct {
		says [2]error
		code int
	}{
		{[2]error{nil, unread}, http.StatusOK},
		{[2]error{hubspot.ErrForged, unread}, http.StatusServiceUnavailable},
		{[2]error{unread, unread}, http.StatusServiceUnavailable},
		{[2]error{hubspot.ErrUnsigned, unread}, http.StatusUnauthorized},
		{[2]error{&hubspot.StaleError{Off: time.Hour}, unread}, http.StatusUnauthorized},
		{[2]error{hubspot.ErrForged, hubspot.ErrForged}, http.StatusUnauthorized},
	} {
		for _, first := range []int{0, 1} {
			s := &site{log: new(syncBuffer)}
			var apps []webhook.App
			for i := range tt.says {
				err := tt.says[(first+i)%2]
				apps = append(apps, webhook.App{Name: "main", Verify: func(hubspot.SignedRequest, time.Time) error { return err }})
			}
			s.Hooks = must(webhook.New(webhook.Options{Log: logger(s.log), PublicURL: publicURL, Apps: apps}))
			r := httptest.NewRequest(http.MethodPost, webhook.HubSpotPath, strings.NewReader("[]"))
			r.Header.Set("Content-Type", "application/json")
			if code := s.answer(r).StatusCode; code != tt.code {
				t.Errorf("%v, from %d: answered %d, want %d", tt.says, first, code, tt.code)
			}
		}
	}
}
