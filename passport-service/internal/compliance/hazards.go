package compliance

import (
	"fmt"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// hazardStatements are the codes of Annexes II and III to Regulation (EC) No 1272/2008, as
// amended up to Delegated Regulation (EU) 2023/707, with earlier ones that are still in use.
const hazardStatements = " H200 H201 H202 H203 H204 H205 H206 H207 H208 H220 H221 H222 H223 H224 H225 H226 H228 H229 H230 H231 H232 " +
	"H240 H241 H242 H250 H251 H252 H260 H261 H270 H271 H272 H280 H281 H282 H283 H284 H290 " +
	"H300 H301 H302 H304 H310 H311 H312 H314 H315 H317 H318 H319 H330 H331 H332 H334 H335 H336 H340 H341 H350 H350I H351 " +
	"H360 H360F H360D H360FD H360DF H361 H361F H361D H361FD H362 H370 H371 H372 H373 H400 H410 H411 H412 H413 H420 " +
	"EUH001 EUH006 EUH014 EUH018 EUH019 EUH029 EUH031 EUH032 EUH044 EUH059 EUH066 EUH070 EUH071 " +
	"EUH201 EUH201A EUH202 EUH203 EUH204 EUH205 EUH206 EUH207 EUH208 EUH209 EUH209A EUH210 EUH211 EUH212 " +
	"EUH380 EUH381 EUH401 EUH430 EUH431 EUH440 EUH441 EUH450 EUH451 "

// checkHazardStatement checks the codes of a statement or of a combination, which the pattern
// of the catalogue separates by +.
func checkHazardStatement(_ *Run, v ruleset.Value) string {
	text, ok := v.Text()
	if !ok {
		return ""
	}
	for part := range strings.SplitSeq(text, "+") {
		code := strings.ToUpper(strings.NewReplacer(" ", "", "*", "").Replace(part))
		if !strings.Contains(hazardStatements, " "+code+" ") {
			return fmt.Sprintf("should be a hazard statement of CLP (Regulation (EC) No 1272/2008), which has no %s, got %q", code, text)
		}
	}
	return ""
}
