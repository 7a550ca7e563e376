"""What stands before Elasticsearch: an nginx that lets the reading key read and the writing key do everything.

This build of Elasticsearch has no security, so the separation of credentials is shown here. The rules are the
privileges that turnout's reading side is said to need; a call that they forbid is counted, and there must be none.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

PORT = 9200

# What a key of the privileges `monitor`, `read` and `view_index_metadata` may do, and `maintenance` for the refresh.
_READING_POSTS = "_search|_msearch|_count|_mget|_pit|_refresh|_analyze|_disk_usage|_field_caps|_validate/query"

_CONFIG = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
user {user};
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map_hash_bucket_size 256;
  map $http_authorization $holder {{
    default "nobody";
    "ApiKey {read}" "reader";
    "ApiKey {write}" "writer";
  }}
  map "$request_method $uri" $reads {{
    default 0;
    "~^(GET|HEAD) " 1;
    "~^POST /([^/]+/)?({posts})$" 1;
    "~^DELETE /_pit$" 1;
  }}
  map "$holder $reads" $verdict {{
    default 401;
    "~^writer " 200;
    "reader 1" 200;
    "reader 0" 403;
  }}
  log_format told '$verdict $holder $request_method $uri $status';
  upstream elasticsearch {{ server 127.0.0.1:{target}; keepalive 32; }}
  server {{
    listen {host}:{port};
    default_type application/json;
    client_max_body_size 200m;
    access_log {folder}/refused.log told if=$is_refused;
    location / {{
      if ($verdict = 401) {{ return 401 '{{"error":{{"type":"security_exception"}},"status":401}}'; }}
      if ($verdict = 403) {{ return 403 '{{"error":{{"type":"security_exception"}},"status":403}}'; }}
      proxy_pass http://elasticsearch;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "";
      proxy_connect_timeout 2s;
      proxy_read_timeout 120s;
      proxy_buffering off;
      proxy_next_upstream off;
    }}
  }}
  map $verdict $is_refused {{ default 1; 200 0; }}
}}
"""


@dataclass(frozen=True)
class Keys:
    """The two credentials, made anew for each run."""

    read: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    write: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)


@dataclass(frozen=True)
class Gatekeeper:
    """The configuration of one nginx in `folder`. The run starts it, so that it ends with the cluster."""

    folder: Path
    keys: Keys
    host: str
    target: int
    user: str = "root"

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://{self.host}:{PORT}"

    def command(self, nginx: str) -> list[str]:
        """Write the configuration; the command that starts the server in the foreground."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "nginx.conf"
        config.touch(mode=0o600)
        text = _CONFIG.format(
            folder=self.folder,
            user=self.user,
            read=re.sub(r"[^\w-]", "", self.keys.read),
            write=re.sub(r"[^\w-]", "", self.keys.write),
            posts=_READING_POSTS,
            target=self.target,
            host=self.host,
            port=PORT,
        )
        config.write_text(text)
        return [nginx, "-p", str(self.folder), "-e", str(self.folder / "error.log"), "-c", str(config)]

    def refused(self) -> list[str]:
        """What was refused: verdict (401 or 403), whose key, method and path of each request."""
        log = self.folder / "refused.log"
        return [line.rpartition(" ")[0] for line in log.read_text().splitlines()] if log.exists() else []
