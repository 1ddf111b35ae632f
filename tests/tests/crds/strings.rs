//! Callers and callees, good and bad: those that are worth a thought, and several hundred by chance.

/// Strings for `callers` or `callees`, always the same. None is so long that the schema's other checks are left out.
pub(crate) fn all(field: &str) -> Vec<String> {
    let mut texts: Vec<String> = FIXED.iter().map(|&text| text.to_owned()).collect();
    for length in [62, 63, 64] {
        texts.extend(
            ["{}/web", "bank/{}", "{}", "@{}", "./{}", "{}/*", "{}:rpc"].map(|t| t.replace("{}", &"a".repeat(length))),
        );
    }
    for length in [252, 253, 254] {
        texts.push(format!("bank/{}", "a".repeat(length)));
        texts.push(format!("./{}.b", "a".repeat(length - 2)));
    }
    for length in [14, 15, 16] {
        texts.extend(["bank/ledger:", "ledger:", "*:", "@backend:"].map(|t| format!("{t}{}", "p".repeat(length))));
    }
    for port in [
        "9", "10", "1000", "9999", "10000", "59999", "60000", "65499", "65500", "65529", "65530", "65535", "65536",
        "65540", "65600", "66000", "70000", "99999", "100000",
    ] {
        texts.extend([format!("bank/ledger:{port}"), format!("ledger:{port}")]);
    }
    let mut chance = Chance(0x006e_6574_696e_7465);
    for _ in 0..300 {
        let mut text = match chance.below(8) {
            0 => format!("@{}", chance.of(NAMES)),
            1 | 2 => chance.of(NAMES).to_owned(),
            _ => format!("{}/{}", chance.of(NAMES), chance.of(NAMES)),
        };
        if chance.below(4) < if field == "callees" { 3 } else { 1 } {
            text = format!("{text}:{}", chance.of(PORTS));
        }
        if chance.below(6) == 0 {
            let at = chance.below(text.chars().count() + 1);
            let (head, tail): (String, String) = (text.chars().take(at).collect(), text.chars().skip(at).collect());
            text = format!("{head}{}{tail}", chance.of(SLIPS));
        }
        texts.push(text);
    }
    // What is longer than the schema permits is told so alone, without the rules' words for the other items.
    texts.retain(|text| text.chars().count() <= if field == "callees" { 143 } else { 317 });
    texts
}

const FIXED: &[&str] = &[
    "",
    " ",
    "*",
    "**",
    "*/*",
    "*/**",
    "*/web",
    "web/*",
    "./*",
    "./web",
    ".",
    "./",
    "/",
    "//",
    "/web",
    "bank/",
    "bank//web",
    "bank/web/rpc",
    "../web",
    "./.",
    "./a.b",
    "bank/a.b",
    "bank/a..b",
    "bank/.a",
    "bank/a.",
    "bank/-a",
    "bank/a-",
    "bank/a-.b",
    "a.b/web",
    "web.bank",
    "web.bank.svc",
    "Bank/web",
    "bank/Web",
    "bank/we_b",
    "bank/we b",
    " bank/web",
    "bank/web ",
    "bank/web\n",
    "\nbank/web",
    "bank/web\r",
    "bank\n/web",
    "bank/web\u{0}",
    "bänk/web",
    "bank/wéb",
    "bank/ｗeb",
    "bank/w\u{200b}eb",
    "-/web",
    "0/0",
    "9bank/0web",
    "bank/*:",
    "bank/*:*",
    "*:*",
    "*:",
    ":",
    ":rpc",
    "*:rpc",
    "*/*:",
    "*/*:metrics",
    "*/*:80",
    "ledger",
    "ledger:",
    "ledger:rpc",
    "ledger:RPC",
    "ledger:rpc:x",
    "ledger::rpc",
    "ledger:0",
    "ledger:00",
    "ledger:01",
    "ledger:+1",
    "ledger:-1",
    "ledger: 1",
    "ledger:1-2",
    "ledger:1-a",
    "ledger:a-1",
    "ledger:a--b",
    "ledger:-a",
    "ledger:a-",
    "ledger:1-2-3a",
    "ledger:1-2-3",
    "ledger:a_b",
    "ledger:a.b",
    "ledger:http/2",
    "ledger:80\n",
    "ledger\n",
    "ledger:٣",
    "bank/ledger:rpc",
    "bank/ledger:8443",
    "bank/led.ger:rpc",
    "@",
    "@*",
    "@backend",
    "@backend:rpc",
    "@backend/x",
    "@@backend",
    "@Backend",
    "@back.end",
    "@backend:",
    "bank/@backend",
    "@/web",
    "http://ledger.bank:80/x",
    "{}",
    "null",
    "~",
    "1",
    "true",
    "#",
];

const NAMES: &[&str] = &[
    "a", "bank", "web-2", "0", "9a", "*", "*", "a.b", ".", "x--y", "led_ger", "A", "-a", "a-", "", "bank", "shop",
    "ledger",
];
const PORTS: &[&str] = &[
    "rpc",
    "metrics",
    "http-2",
    "2-http",
    "1-1",
    "80",
    "443",
    "0",
    "080",
    "65535",
    "65536",
    "a--b",
    "X",
    "*",
    "",
    "p-",
    "fifteen-letters",
    "sixteen-letterss",
];
const SLIPS: &[&str] =
    &["/", ":", ".", "-", "*", "@", " ", "\n", "\t", "A", "_", "ß", "💥", "./", "--", "0", "\u{1}", "a"];

/// A generator of numbers that is the same everywhere (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap_or(1)).unwrap_or(0)
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}
