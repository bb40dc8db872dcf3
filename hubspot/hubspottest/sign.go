package hubspottest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"
)

// sign signs a request to an address with the client secret of an app, in a version
// of HubSpot's signatures; 0 is version 3.
// https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
func sign(r *http.Request, version int, address, secret string, body []byte) {
	signed := r.Method + address + string(body)
	switch version {
	case 1, 2:
		if version == 1 {
			signed = string(body)
		}
		sum := sha256.Sum256([]byte(secret + signed))
		r.Header.Set("X-HubSpot-Signature", hex.EncodeToString(sum[:]))
		r.Header.Set("X-HubSpot-Signature-Version", "v"+strconv.Itoa(version))
	default:
		stamp := strconv.FormatInt(time.Now().UnixMilli(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(signed + stamp))
		r.Header.Set("X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		r.Header.Set("X-HubSpot-Request-Timestamp", stamp)
	}
}
